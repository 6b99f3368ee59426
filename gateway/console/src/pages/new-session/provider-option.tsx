// Provider option of a new session: a radio button with the provider's eligibility for the draft.
import { useEffect, useMemo, useState } from "preact/hooks";
import { useQuery } from "../../api/query";
import { Eligible, type Problem, type Provider } from "../../api/operations";
import { ProviderInitial } from "../../components/primitives";
import { labelFor } from "../../labels";
import { supports, type Draft, type Input, toInputFields, parseOptions } from "./draft";

/** Eligibility before anything was filled in: unknown for every provider. */
export const noEligibility: ReadonlyMap<string, Eligibility> = new Map();

interface Eligibility {
  eligible: boolean;
  problems: readonly Problem[];
}

export function ProviderOption(props: {
  provider: Provider;
  index: number;
  selected: string;
  onSelect: (name: string) => void;
  eligibility: ReadonlyMap<string, Eligibility>;
}) {
  const { provider, selected, onSelect } = props;
  const result = props.eligibility.get(provider.name);
  const down = provider.health.state === "DOWN";
  return (
    <label class={`choice ${selected === provider.name ? "chosen" : ""}`}>
      <input
        type="radio"
        name="provider"
        value={provider.name}
        checked={selected === provider.name}
        onChange={() => onSelect(provider.name)}
      />
      <ProviderInitial name={provider.name} index={props.index} />
      <span>
        <strong>{provider.displayName}</strong>
        <small>
          {labelFor(provider.sessionKind)}
          {down && " · does not answer at the moment"}
        </small>
        {result &&
          (result.eligible ? (
            <small class="good">Can carry this out</small>
          ) : (
            <small>Still to do: {result.problems[0]?.message}</small>
          ))}
        {result && result.problems.length > 1 && <small>and {result.problems.length - 1} more</small>}
      </span>
    </label>
  );
}

/** Queries which providers are eligible for the draft, debounced by a quarter of a second. */
export function useEligibility(draft: Draft, candidates: readonly Provider[]): ReadonlyMap<string, Eligibility> {
  const [variables, setVariables] = useState<{ placed: Input; bare: Input }>();
  const text = JSON.stringify([draft, candidates.map((provider) => provider.name)]);
  useEffect(() => {
    const first = candidates[0];
    if (!first) return;
    const timer = setTimeout(() => {
      const options = parseOptions(draft.options) ?? {};
      const inputFor = (withFields: boolean) => ({
        ...toInputFields(draft, withFields, draft.people),
        provider: draft.provider || first.name,
        options,
      });
      setVariables({ placed: inputFor(true), bare: inputFor(false) });
    }, 250);
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the text stands for the draft and the candidates
  }, [text]);
  const emptyInput = { provider: "", title: "" };
  const { data } = useQuery(Eligible, variables ?? { placed: emptyInput, bare: emptyInput }, { pause: !variables });
  return useMemo(() => {
    const eligibility = new Map<string, Eligibility>();
    for (const provider of candidates) {
      const result = (supports(provider, "ADD_FIELD") ? data?.placed : data?.bare)?.find(
        (each) => each.provider.name === provider.name,
      );
      if (result) eligibility.set(provider.name, result);
    }
    return eligibility;
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the text stands for the candidates
  }, [data, text]);
}
