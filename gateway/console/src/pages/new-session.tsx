// New session page: documents, participants and options, and the providers that are eligible for them.
import { useMemo, useState } from "preact/hooks";
import { mutate, newIdempotencyKey } from "../api/mutate";
import { useQuery } from "../api/query";
import { Create as Mutation, type Problem, Providers } from "../api/operations";
import { Icon, Panel, Skeleton } from "../components/primitives";
import { CheckboxField, SelectField, TextField } from "../components/form-fields";
import { QueryError, ProblemList } from "../components/problem-list";
import { navigate, href } from "../route";
import { ProviderOption, noEligibility, useEligibility } from "./new-session/provider-option";
import { supports, type Draft, emptyDraft, toCreateInput, optionNames, parseOptions } from "./new-session/draft";
import { DocumentUploads } from "./new-session/document-uploads";
import { ParticipantFields } from "./new-session/participant-fields";

export function NewSessionPage() {
  const [draft, setDraft] = useState(emptyDraft);
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [busy, setBusy] = useState(false);
  const [key, setKey] = useState(newIdempotencyKey);
  const providers = useQuery(Providers, {});
  const candidates = (providers.data?.providers ?? []).filter((provider) => supports(provider, "CREATE_SESSION"));
  const provider = candidates.find((provider) => provider.name === draft.provider);
  const options = useMemo(() => parseOptions(draft.options), [draft.options]);
  const eligibility = useEligibility(draft, candidates);
  const hasInput = draft.title !== "" || draft.files.length > 0;
  const errorAt = (...path: string[]) =>
    problems.find((problem) => problem.path?.join(".") === ["input", ...path].join("."))?.message;

  const change = (changes: Partial<Draft>) => {
    setDraft((before) => ({ ...before, ...changes }));
    setKey(newIdempotencyKey());
  };

  async function create(event: Event): Promise<void> {
    event.preventDefault();
    if (!provider || options === undefined) return;
    setBusy(true);
    const { data, problems: newProblems } = await mutate(Mutation, {
      input: { ...toCreateInput(draft, provider, options), idempotencyKey: key },
    });
    setBusy(false);
    setProblems(newProblems);
    const session = data?.result.session;
    if (session && !newProblems.length) navigate("sessions", session.id);
  }

  return (
    <>
      <a class="way-back" href={href("sessions")}>
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
      {providers.error && <QueryError error={providers.error} onRetry={providers.refresh} />}
      {providers.loading && <Skeleton lines={6} />}
      <form class="columns create" onSubmit={(event) => void create(event)}>
        <div>
          <Panel title="What is signed">
            <TextField
              label="Title"
              value={draft.title}
              onChange={(title) => change({ title })}
              required
              autofocus
              error={errorAt("title")}
            />
            <DocumentUploads files={draft.files} onChange={(files) => change({ files })} errorAt={errorAt} />
          </Panel>
          <Panel
            title="Who signs"
            note={
              provider && provider.sessionKind !== "SIGNING"
                ? `At ${provider.displayName} nobody signs in person: a machine does.`
                : undefined
            }
          >
            {(!provider || provider.sessionKind === "SIGNING") && (
              <>
                <ParticipantFields people={draft.people} onChange={(people) => change({ people })} errorAt={errorAt} />
                <SelectField
                  label="Signing order"
                  value={draft.order}
                  onChange={(order) => change({ order })}
                  error={errorAt("signingOrder")}
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
              <TextField
                label="Reference"
                optional
                value={draft.reference}
                onChange={(reference) => change({ reference })}
                error={errorAt("reference")}
                hint="Your own, to find it again."
              />
              <TextField
                label="Due"
                optional
                type="datetime-local"
                value={draft.due}
                onChange={(due) => change({ due })}
                error={errorAt("dueAt")}
              />
            </div>
            <TextField
              label="Message"
              optional
              lines={2}
              value={draft.message}
              onChange={(message) => change({ message })}
              error={errorAt("message")}
              hint="Shown to those who sign."
            />
            <TextField
              label="Options of the provider"
              optional
              lines={2}
              value={draft.options}
              onChange={(text) => change({ options: text })}
              placeholder="{ }"
              error={options === undefined ? "This is no JSON object." : errorAt("options")}
              hint={
                provider
                  ? `JSON. ${provider.displayName} knows: ${optionNames(provider)}.`
                  : "JSON, as the provider describes it."
              }
            />
          </Panel>
        </div>
        <aside>
          <Panel title="Provider" note="Who can carry this out, as far as it is filled in.">
            <fieldset class="choices">
              <legend class="unseen">Provider</legend>
              {candidates.map((provider) => (
                <ProviderOption
                  key={provider.id}
                  provider={provider}
                  index={(providers.data?.providers ?? []).indexOf(provider)}
                  selected={draft.provider}
                  onSelect={(name) => change({ provider: name })}
                  eligibility={hasInput ? eligibility : noEligibility}
                />
              ))}
            </fieldset>
          </Panel>
          <Panel title="Create">
            <CheckboxField
              label="Start at once"
              hint="Otherwise it stays a draft where the provider keeps drafts."
              value={draft.start}
              onChange={(start) => change({ start })}
            />
            <ProblemList problems={problems} />
            <button type="submit" class="main wide" disabled={busy || !provider || options === undefined}>
              {busy ? "Creating…" : "Create session"}
            </button>
            {!provider && <p class="note">Choose a provider first.</p>}
          </Panel>
        </aside>
      </form>
    </>
  );
}
