// A new session: what is signed, by whom, at which provider, and which providers could carry it out.
import { useMemo, useState } from "preact/hooks";
import { act } from "../api/act";
import { useAsk } from "../api/ask";
import { Create as Mutation, type Problem, Providers } from "../api/operation";
import { Icon, Panel, Skeleton } from "../part/basic";
import { Check, Select, Text } from "../part/field";
import { Failure, Problems } from "../part/trouble";
import { go, to } from "../route";
import { onceKey } from "../word";
import { Choice, unknown, useEligible } from "./create/choice";
import { can, type Draft, empty, input, known, parsed } from "./create/draft";
import { Files } from "./create/files";
import { People } from "./create/people";

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
