// Session page: state, actions, contents, provenance and history of one session.
import { useCallback, useEffect, useState } from "preact/hooks";
import { useQuery } from "../api/query";
import { subscribeWithRetry, onEvent } from "../api/subscriptions";
import { type Detail, FollowSession, OneSession, type Problem } from "../api/operations";
import { RelativeTime, EmptyState, DescriptionItem, Icon, Panel, StatusBadge, Skeleton } from "../components/primitives";
import { QueryError, ProblemList } from "../components/problem-list";
import { navigate, href } from "../route";
import { pluralize, formatSecond } from "../format";
import { labelFor } from "../labels";
import { SessionActions } from "./session/actions";
import { DocumentsPanel } from "./session/documents";
import { FieldsPanel } from "./session/fields";
import { MappingPanel } from "./session/mapping";
import { ParticipantsPanel } from "./session/participants";
import { SignaturesPanel } from "./session/signatures";
import { Timeline } from "./session/timeline";
import { Progress } from "./sessions";

export function SessionPage({ id }: { id: string }) {
  const { data, error, loading, refresh } = useQuery(OneSession, { id });
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [revision, setRevision] = useState(0);
  const session = data?.session;

  useEffect(() => subscribeWithRetry(FollowSession, () => ({ id })), [id]);
  useEffect(() => onEvent((event) => event.session.id === id && setRevision((count) => count + 1)), [id]);

  useEffect(() => {
    if (session) document.title = `${session.title || session.key} · Countersign`;
  }, [session]);

  const onMutated = useCallback(
    (newProblems: readonly Problem[]) => {
      setProblems(newProblems);
      setRevision((count) => count + 1);
      void refresh();
    },
    [refresh],
  );

  return (
    <>
      <a class="way-back" href={href("sessions")}>
        <Icon name="back" />
        Sessions
      </a>
      {error && <QueryError error={error} onRetry={refresh} />}
      {loading && <Skeleton lines={8} />}
      {data && !session && (
        <EmptyState title="There is no such session.">
          It may have been deleted at its provider, or the address is incomplete. <a href={href("sessions")}>All sessions</a>
        </EmptyState>
      )}
      {session && (
        <article class="session" data-status={session.status}>
          <header class="top">
            <div>
              <h1>{session.title || session.key}</h1>
              <p class="under">
                <StatusBadge value={session.status} />
                <span>{session.provider.displayName}</span>
                <span class="faint">{labelFor(session.kind)}</span>
                {session.kind === "SIGNING" && session.progress.required > 0 && (
                  <Progress signed={session.progress.signed} of={session.progress.required} />
                )}
                {session.statusReason && <span class="faint">“{session.statusReason}”</span>}
              </p>
            </div>
            <SessionActions session={session} onMutated={onMutated} onDeleted={() => navigate("sessions")} />
          </header>
          <ProblemList problems={problems} />
          <div class="columns">
            <div>
              {(session.participants.length > 0 || session.actions.includes("ADD_PARTICIPANT")) && (
                <ParticipantsPanel session={session} onMutated={onMutated} />
              )}
              <DocumentsPanel session={session} onMutated={onMutated} />
              {(session.fields.length > 0 || session.actions.includes("ADD_FIELD")) && (
                <FieldsPanel session={session} onMutated={onMutated} />
              )}
              <SignaturesPanel id={id} revision={revision} />
            </div>
            <aside>
              <Provenance session={session} />
              <Timeline id={id} revision={revision} />
            </aside>
          </div>
          <MappingPanel id={id} revision={revision} />
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
        <DescriptionItem name="Known as of">
          <RelativeTime time={freshness.asOf} /> {freshness.stale && <StatusBadge value="STALE" />}
        </DescriptionItem>
        <DescriptionItem name="Learned from">{labelFor(freshness.source)}</DescriptionItem>
        <DescriptionItem name="Provider’s word">
          {session.providerStatus ? <code>{session.providerStatus}</code> : "–"}
        </DescriptionItem>
        <DescriptionItem name="Provider’s key">
          <code class="break">{session.key}</code>
        </DescriptionItem>
        {session.reference && <DescriptionItem name="Reference">{session.reference}</DescriptionItem>}
        <DescriptionItem name="Created">{session.createdAt ? formatSecond(session.createdAt) : "–"}</DescriptionItem>
        {session.startedAt && <DescriptionItem name="Started">{formatSecond(session.startedAt)}</DescriptionItem>}
        {session.dueAt && (
          <DescriptionItem name="Due">
            {formatSecond(session.dueAt)} (<RelativeTime time={session.dueAt} />)
          </DescriptionItem>
        )}
        {session.completedAt && <DescriptionItem name="Completed">{formatSecond(session.completedAt)}</DescriptionItem>}
        {session.participants.length > 1 && (
          <DescriptionItem name="Signing order">{labelFor(session.signingOrder)}</DescriptionItem>
        )}
        {session.reminderFrequency && <DescriptionItem name="Reminders">{labelFor(session.reminderFrequency)}</DescriptionItem>}
        {session.archive?.requested && (
          <DescriptionItem name="Archive">
            {session.archive.archiveId ??
              `Requested${session.archive.retentionPeriod ? `, ${session.archive.retentionPeriod}` : ""}`}
          </DescriptionItem>
        )}
        {session.fields.length > 0 && (
          <DescriptionItem name="Fields">{pluralize(session.fields.length, "signature field")}</DescriptionItem>
        )}
      </dl>
    </Panel>
  );
}
