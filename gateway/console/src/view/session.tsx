// One session: how it is, what can be done with it, and how it came to be so.
import { useCallback, useEffect, useState } from "preact/hooks";
import { useAsk } from "../api/ask";
import { again, onEvent } from "../api/live";
import { type Detail, FollowSession, OneSession, type Problem } from "../api/operation";
import { Ago, Empty, Fact, Icon, Panel, Pill, Skeleton } from "../part/basic";
import { Failure, Problems } from "../part/trouble";
import { go, to } from "../route";
import { many, say, toTheSecond } from "../word";
import { Actions } from "./session/actions";
import { Documents } from "./session/documents";
import { Fields } from "./session/fields";
import { Mapping } from "./session/mapping";
import { Participants } from "./session/participants";
import { SignaturesPanel } from "./session/signatures";
import { Timeline } from "./session/timeline";
import { Progress } from "./sessions";

export function SessionView({ id }: { id: string }) {
  const { data, error, waiting, refresh } = useAsk(OneSession, { id });
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [seen, setSeen] = useState(0);
  const session = data?.session;

  useEffect(() => again(FollowSession, () => ({ id })), [id]);
  useEffect(() => onEvent((event) => event.session.id === id && setSeen((count) => count + 1)), [id]);

  useEffect(() => {
    if (session) document.title = `${session.title || session.key} · Countersign`;
  }, [session?.title]);

  const changed = useCallback(
    (found: readonly Problem[]) => {
      setProblems(found);
      setSeen((count) => count + 1);
      void refresh();
    },
    [refresh],
  );

  return (
    <>
      <a class="way-back" href={to("sessions")}>
        <Icon name="back" />
        Sessions
      </a>
      {error && <Failure error={error} retry={refresh} />}
      {waiting && <Skeleton lines={8} />}
      {data && !session && (
        <Empty title="There is no such session.">
          It may have been deleted at its provider, or the address is incomplete. <a href={to("sessions")}>All sessions</a>
        </Empty>
      )}
      {session && (
        <article class="session" data-status={session.status}>
          <header class="top">
            <div>
              <h1>{session.title || session.key}</h1>
              <p class="under">
                <Pill word={session.status} />
                <span>{session.provider.displayName}</span>
                <span class="faint">{say(session.kind)}</span>
                {session.kind === "SIGNING" && session.progress.required > 0 && (
                  <Progress signed={session.progress.signed} of={session.progress.required} />
                )}
                {session.statusReason && <span class="faint">“{session.statusReason}”</span>}
              </p>
            </div>
            <Actions session={session} done={changed} gone={() => go("sessions")} />
          </header>
          <Problems problems={problems} />
          <div class="columns">
            <div>
              {(session.participants.length > 0 || session.actions.includes("ADD_PARTICIPANT")) && (
                <Participants session={session} done={changed} />
              )}
              <Documents session={session} done={changed} />
              {(session.fields.length > 0 || session.actions.includes("ADD_FIELD")) && (
                <Fields session={session} done={changed} />
              )}
              <SignaturesPanel id={id} seen={seen} />
            </div>
            <aside>
              <Provenance session={session} />
              <Timeline id={id} seen={seen} />
            </aside>
          </div>
          <Mapping id={id} seen={seen} />
        </article>
      )}
    </>
  );
}

function Provenance({ session }: { session: Detail }) {
  const { freshness } = session;
  return (
    <Panel title="Provenance" note="Where this is known from, and how fresh it is.">
      <dl class="facts">
        <Fact name="Known as of">
          <Ago time={freshness.asOf} /> {freshness.stale && <Pill word="STALE" />}
        </Fact>
        <Fact name="Learned from">{say(freshness.source)}</Fact>
        <Fact name="Provider’s word">{session.providerStatus ? <code>{session.providerStatus}</code> : "–"}</Fact>
        <Fact name="Provider’s key">
          <code class="break">{session.key}</code>
        </Fact>
        {session.reference && <Fact name="Reference">{session.reference}</Fact>}
        <Fact name="Created">{session.createdAt ? toTheSecond(session.createdAt) : "–"}</Fact>
        {session.startedAt && <Fact name="Started">{toTheSecond(session.startedAt)}</Fact>}
        {session.dueAt && (
          <Fact name="Due">
            {toTheSecond(session.dueAt)} (<Ago time={session.dueAt} />)
          </Fact>
        )}
        {session.completedAt && <Fact name="Completed">{toTheSecond(session.completedAt)}</Fact>}
        {session.participants.length > 1 && <Fact name="Signing order">{say(session.signingOrder)}</Fact>}
        {session.reminderFrequency && <Fact name="Reminders">{say(session.reminderFrequency)}</Fact>}
        {session.archive?.requested && (
          <Fact name="Archive">
            {session.archive.archiveId ??
              `Requested${session.archive.retentionPeriod ? `, ${session.archive.retentionPeriod}` : ""}`}
          </Fact>
        )}
        {session.fields.length > 0 && <Fact name="Fields">{many(session.fields.length, "signature field")}</Fact>}
      </dl>
    </Panel>
  );
}
