// Which provider carries it out: those that could, and what stands in the way at the others.
import { useEffect, useMemo, useState } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { Eligible, type Problem, type Provider } from "../../api/operation";
import { Mark } from "../../part/basic";
import { say } from "../../word";
import { can, type Draft, type Input, ordered, parsed } from "./draft";

/** What is known before anything was filled in. */
export const unknown: ReadonlyMap<string, Fit> = new Map();

interface Fit {
  eligible: boolean;
  problems: readonly Problem[];
}

export function Choice(props: {
  provider: Provider;
  place: number;
  chosen: string;
  choose: (name: string) => void;
  fits: ReadonlyMap<string, Fit>;
}) {
  const { provider, chosen, choose } = props;
  const fit = props.fits.get(provider.name);
  const down = provider.health.state === "DOWN";
  return (
    <label class={`choice ${chosen === provider.name ? "chosen" : ""}`}>
      <input
        type="radio"
        name="provider"
        value={provider.name}
        checked={chosen === provider.name}
        onChange={() => choose(provider.name)}
      />
      <Mark name={provider.name} place={props.place} />
      <span>
        <strong>{provider.displayName}</strong>
        <small>
          {say(provider.sessionKind)}
          {down && " · does not answer at the moment"}
        </small>
        {fit &&
          (fit.eligible ? (
            <small class="good">Can carry this out</small>
          ) : (
            <small>Still to do: {fit.problems[0]?.message}</small>
          ))}
        {fit && fit.problems.length > 1 && <small>and {fit.problems.length - 1} more</small>}
      </span>
    </label>
  );
}

/** Which providers could carry out the draft as it is, asked shortly after it has changed. */
export function useEligible(draft: Draft, able: readonly Provider[]): ReadonlyMap<string, Fit> {
  const [asked, ask] = useState<{ placed: Input; bare: Input }>();
  const text = JSON.stringify([draft, able.map((provider) => provider.name)]);
  useEffect(() => {
    const first = able[0];
    if (!first) return;
    const timer = setTimeout(() => {
      const options = parsed(draft.options) ?? {};
      const order = (places: boolean) => ({
        ...ordered(draft, places, draft.people),
        provider: draft.provider || first.name,
        options,
      });
      ask({ placed: order(true), bare: order(false) });
    }, 250);
    return () => clearTimeout(timer);
  }, [text]);
  const nothing = { provider: "", title: "" };
  const { data } = useAsk(Eligible, asked ?? { placed: nothing, bare: nothing }, { pause: !asked });
  return useMemo(() => {
    const found = new Map<string, Fit>();
    for (const provider of able) {
      const fit = (can(provider, "ADD_FIELD") ? data?.placed : data?.bare)?.find(
        (each) => each.provider.name === provider.name,
      );
      if (fit) found.set(provider.name, fit);
    }
    return found;
  }, [data, text]);
}
