// Timeline of a session's events, newest first, each with its source and observation lag.
import { useEffect } from "preact/hooks";
import { useQuery } from "../../api/query";
import { History, type HistoryEvent } from "../../api/operations";
import { RelativeTime, Panel, StatusBadge, Skeleton } from "../../components/primitives";
import { QueryError } from "../../components/problem-list";
import { formatMilliseconds } from "../../format";
import { labelFor, toneFor } from "../../labels";

export function Timeline({ id, revision }: { id: string; revision: number }) {
  const { data, error, loading, refresh } = useQuery(History, { id });
  useEffect(() => {
    if (revision) void refresh();
  }, [revision, refresh]);
  const events = [...(data?.session?.events.nodes ?? [])].reverse();
  return (
    <Panel title="Timeline" note="Every change that the gateway saw, newest first.">
      {error && <QueryError error={error} onRetry={refresh} />}
      {loading && <Skeleton lines={4} />}
      {data && events.length === 0 && <p class="none">Nothing has been seen to happen yet.</p>}
      <ol class="timeline">
        {events.map((event) => (
          <TimelineItem key={event.id} event={event} />
        ))}
      </ol>
      {data?.session?.events.pageInfo.hasNextPage && <p class="none">The first hundred are shown.</p>}
    </Panel>
  );
}

function TimelineItem({ event }: { event: HistoryEvent }) {
  const lag = event.occurredAt ? new Date(event.observedAt).getTime() - new Date(event.occurredAt).getTime() : null;
  return (
    <li class={event.to ? toneFor(event.to) : "neutral"}>
      <div>
        <EventDescription event={event} />
        <small>
          <RelativeTime time={event.observedAt} /> · {labelFor(event.source)}
          {event.providerStatus && (
            <>
              {" · "}
              <code>{event.providerStatus}</code>
            </>
          )}
          {lag != null && lag >= 0 && lag < 86_400_000 && ` · ${formatMilliseconds(lag)} later`}
        </small>
      </div>
    </li>
  );
}

function EventDescription({ event }: { event: HistoryEvent }) {
  const documentName = event.document?.title ?? event.document?.filename ?? "A document";
  switch (event.type) {
    case "CREATED":
      return <p>Created {event.to && <StatusBadge value={event.to} />}</p>;
    case "STATUS_CHANGED":
    case "CORRECTED":
      return (
        <p>
          {event.type === "CORRECTED" && "Corrected: "}
          {event.from && <span class="faint">{labelFor(event.from)} →</span>} {event.to && <StatusBadge value={event.to} />}
        </p>
      );
    case "PARTICIPANT_CHANGED":
      return (
        <p>
          {event.participant?.displayName ?? "A participant"} <span class="faint">changed</span>
        </p>
      );
    case "DOCUMENT_CHANGED":
      return (
        <p>
          {documentName} <span class="faint">changed</span>
        </p>
      );
    case "SIGNATURE_ADDED":
      return <p>A signature was added{event.signature && ` (${labelFor(event.signature.format)})`}</p>;
    default:
      return <p>{labelFor(event.type)}</p>;
  }
}
