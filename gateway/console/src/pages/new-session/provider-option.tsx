// Which provider carries it out: those that could, and what stands in the way at the others.
import { useEffect, useMemo, useState } from "preact/hooks";
import { useQuery } from "../../api/query";
import { Eligible, type Problem, type Provider } from "../../api/operations";
import { ProviderInitial } from "../../components/primitives";
import { labelFor } from "../../labels";
import { supports, type Draft, type Input, toInputFields, parseOptions } from "./draft";

/** What is known before anything was filled in. */
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
  const eligible = props.eligibility.get(provider.name);
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
        {eligible &&
          (eligible.eligible ? (
            <small class="good">Can carry this out</small>
          ) : (
            <small>Still to do: {eligible.problems[0]?.message}</small>
          ))}
        {eligible && eligible.problems.length > 1 && <small>and {eligible.problems.length - 1} more</small>}
      </span>
    </label>
  );
}

/** Which providers could carry out the draft as it is, asked shortly after it has changed. */
export function useEligibility(draft: Draft, candidates: readonly Provider[]): ReadonlyMap<string, Eligibility> {
  const [variables, setVariables] = useState<{ placed: Input; bare: Input }>();
  const text = JSON.stringify([draft, candidates.map((provider) => provider.name)]);
  useEffect(() => {
    const first = candidates[0];
    if (!first) return;
    const timer = setTimeout(() => {
      const options = parseOptions(draft.options) ?? {};
      const inputWith = (places: boolean) => ({
        ...toInputFields(draft, places, draft.people),
        provider: draft.provider || first.name,
        options,
      });
      setVariables({ placed: inputWith(true), bare: inputWith(false) });
    }, 250);
    return () => clearTimeout(timer);
  }, [text]);
  const emptyInput = { provider: "", title: "" };
  const { data } = useQuery(Eligible, variables ?? { placed: emptyInput, bare: emptyInput }, { pause: !variables });
  return useMemo(() => {
    const eligibility = new Map<string, Eligibility>();
    for (const provider of candidates) {
      const eligible = (supports(provider, "ADD_FIELD") ? data?.placed : data?.bare)?.find(
        (each) => each.provider.name === provider.name,
      );
      if (eligible) eligibility.set(provider.name, eligible);
    }
    return eligibility;
  }, [data, text]);
}
