// A new session: what is signed, by whom, at which provider, and which providers could carry it out.
import { useEffect, useMemo, useState } from "preact/hooks";
import { act } from "../api/act";
import { useAsk } from "../api/ask";
import { type Staged } from "../api/files";
import type { VariablesOf } from "../api/graphql";
import { Create as Mutation, Eligible, type Problem, type Provider, Providers } from "../api/operation";
import { Icon, Mark, Panel, Skeleton } from "../part/basic";
import { Check, Select, Text } from "../part/field";
import { Failure, Problems } from "../part/trouble";
import { go, to } from "../route";
import { onceKey, say } from "../word";
import { Files } from "./create/files";
import { nobody, People, type Person } from "./create/people";

type Input = VariablesOf<typeof Mutation>["input"];

interface Draft {
  title: string;
  provider: string;
  files: readonly Staged[];
  people: readonly Person[];
  order: string;
  due: string;
  message: string;
  reference: string;
  start: boolean;
  options: string;
}

const empty: Draft = {
  title: "", provider: "", files: [], people: [nobody()], order: "PARALLEL", due: "", message: "", reference: "", start: true, options: "",
}; // prettier-ignore

export function Create() {
  const [draft, set] = useState(empty);
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [busy, setBusy] = useState(false);
  const [key, setKey] = useState(onceKey);
  const asked = useAsk(Providers, {});
  const able = (asked.data?.providers ?? []).filter((provider) => can(provider, "CREATE_SESSION"));
  const chosen = able.find((provider) => provider.name === draft.provider);
  const options = useMemo(() => parsed(draft.options), [draft.options]);
  const fits = useEligible(draft, able);
  const begun = draft.title !== "" || draft.files.length > 0;
  const wrong = (...path: string[]) =>
    problems.find((problem) => problem.path?.join(".") === ["input", ...path].join("."))?.message;

  const change = (changes: Partial<Draft>) => {
    set((before) => ({ ...before, ...changes }));
    setKey(onceKey());
  };

  async function create(event: Event): Promise<void> {
    event.preventDefault();
    if (!chosen || options === undefined) return;
    setBusy(true);
    const { data, problems: found } = await act(Mutation, { input: { ...input(draft, chosen, options), idempotencyKey: key } });
    setBusy(false);
    setProblems(found);
    const made = data?.result.session;
    if (made && !found.length) go("sessions", made.id);
  }

  return (
    <>
      <a class="way-back" href={to("sessions")}>
        <Icon name="back" />
        Sessions
      </a>
      <header class="top">
        <div>
          <h1>New session</h1>
          <p class="note">
            It happens whole or not at all: a session that cannot be made leaves nothing behind at the provider.
          </p>
        </div>
      </header>
      {asked.error && <Failure error={asked.error} retry={asked.refresh} />}
      {asked.waiting && <Skeleton lines={6} />}
      <form class="columns create" onSubmit={(event) => void create(event)}>
        <div>
          <Panel title="What is signed">
            <Text
              label="Title"
              value={draft.title}
              set={(title) => change({ title })}
              required
              autofocus
              wrong={wrong("title")}
            />
            <Files files={draft.files} set={(files) => change({ files })} wrong={wrong} />
          </Panel>
          <Panel
            title="Who signs"
            note={
              chosen && chosen.sessionKind !== "SIGNING"
                ? `At ${chosen.displayName} nobody signs in person: a machine does.`
                : undefined
            }
          >
            {(!chosen || chosen.sessionKind === "SIGNING") && (
              <>
                <People people={draft.people} set={(people) => change({ people })} wrong={wrong} />
                <Select
                  label="Signing order"
                  value={draft.order}
                  set={(order) => change({ order })}
                  wrong={wrong("signingOrder")}
                  options={[
                    ["PARALLEL", "All at once"],
                    ["SEQUENTIAL", "One after the other, as listed"],
                  ]}
                />
              </>
            )}
          </Panel>
          <Panel title="More">
            <div class="pair">
              <Text
                label="Reference"
                optional
                value={draft.reference}
                set={(reference) => change({ reference })}
                wrong={wrong("reference")}
                hint="Your own, to find it again."
              />
              <Text
                label="Due"
                optional
                type="datetime-local"
                value={draft.due}
                set={(due) => change({ due })}
                wrong={wrong("dueAt")}
              />
            </div>
            <Text
              label="Message"
              optional
              lines={2}
              value={draft.message}
              set={(message) => change({ message })}
              wrong={wrong("message")}
              hint="Shown to those who sign."
            />
            <Text
              label="Options of the provider"
              optional
              lines={2}
              value={draft.options}
              set={(text) => change({ options: text })}
              placeholder="{ }"
              wrong={options === undefined ? "This is no JSON object." : wrong("options")}
              hint={chosen ? `JSON. ${chosen.displayName} knows: ${known(chosen)}.` : "JSON, as the provider describes it."}
            />
          </Panel>
        </div>
        <aside>
          <Panel title="Provider" note="Who can carry this out, as far as it is filled in.">
            <fieldset class="choices">
              <legend class="unseen">Provider</legend>
              {able.map((provider) => (
                <Choice
                  key={provider.id}
                  provider={provider}
                  place={(asked.data?.providers ?? []).indexOf(provider)}
                  chosen={draft.provider}
                  choose={(name) => change({ provider: name })}
                  fits={begun ? fits : unknown}
                />
              ))}
            </fieldset>
          </Panel>
          <Panel title="Create">
            <Check
              label="Start at once"
              hint="Otherwise it stays a draft where the provider keeps drafts."
              value={draft.start}
              set={(start) => change({ start })}
            />
            <Problems problems={problems} />
            <button type="submit" class="main wide" disabled={busy || !chosen || options === undefined}>
              {busy ? "Creating…" : "Create session"}
            </button>
            {!chosen && <p class="note">Choose a provider first.</p>}
          </Panel>
        </aside>
      </form>
    </>
  );
}

const unknown: ReadonlyMap<string, Fit> = new Map();

interface Fit {
  eligible: boolean;
  problems: readonly Problem[];
}

function Choice(props: {
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
function useEligible(draft: Draft, able: readonly Provider[]): ReadonlyMap<string, Fit> {
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

function can(provider: Provider, operation: Provider["capabilities"][number]["operation"]): boolean {
  return provider.capabilities.some((each) => each.operation === operation && each.support !== "UNSUPPORTED");
}

function known(provider: Provider): string {
  const schema = provider.optionsSchema as { properties?: Record<string, unknown> };
  return Object.keys(schema.properties ?? {}).join(", ") || "none";
}

/** The object that a text is; undefined where it is none, and an empty one where there is no text. */
function parsed(text: string): Record<string, unknown> | undefined {
  if (!text.trim()) return {};
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null && !Array.isArray(found)
      ? (found as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function input(draft: Draft, provider: Provider, options: Record<string, unknown>): Input {
  const people = provider.sessionKind === "SIGNING" ? draft.people : [];
  const order = ordered(draft, can(provider, "ADD_FIELD"), people);
  return { ...order, provider: provider.name, ...(Object.keys(options).length && { options }) };
}

const box = { type: "Signature", page: 1, x: 72, width: 180, height: 36, required: true };

/** The order; where the provider has fields, each signer gets one on the first page, one above the other. */
function ordered(draft: Draft, places: boolean, people: readonly Person[]): Omit<Input, "provider"> {
  const filled = people.filter((person) => person.firstName || person.lastName || person.email);
  return {
    title: draft.title,
    documents: draft.files.map((file) => ({ upload: file.id, title: (file.filename ?? "Document").replace(/\.pdf$/i, "") })),
    ...(filled.length && {
      participants: filled.map(({ firstName, lastName, email }, place) => ({ ref: String(place), firstName, lastName, email })),
      signingOrder: draft.order as "PARALLEL" | "SEQUENTIAL",
    }),
    ...(places &&
      draft.files.length &&
      filled.length && {
        fields: filled.map((_, place) => ({ ...box, documentIndex: 0, participantRef: String(place), y: 96 + 48 * place })),
      }),
    ...(draft.due && { dueAt: new Date(draft.due).toISOString() }),
    ...(draft.message && { message: draft.message }),
    ...(draft.reference && { reference: draft.reference }),
    start: draft.start,
  };
}
