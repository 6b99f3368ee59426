// What happened to a session, newest first, and how it came to be known.
import { useEffect } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { History, type HistoryEvent } from "../../api/operation";
import { Ago, Panel, Pill, Skeleton } from "../../part/basic";
import { Failure } from "../../part/trouble";
import { milliseconds, say, tone } from "../../word";

export function Timeline({ id, seen }: { id: string; seen: number }) {
  const { data, error, waiting, refresh } = useAsk(History, { id });
  useEffect(() => {
    if (seen) void refresh();
  }, [seen, refresh]);
  const events = [...(data?.session?.events.nodes ?? [])].reverse();
  return (
    <Panel title="Timeline" note="Every change that the gateway saw, newest first.">
      {error && <Failure error={error} retry={refresh} />}
      {waiting && <Skeleton lines={4} />}
      {data && events.length === 0 && <p class="none">Nothing has been seen to happen yet.</p>}
      <ol class="timeline">
        {events.map((event) => (
          <Happening key={event.id} event={event} />
        ))}
      </ol>
      {data?.session?.events.pageInfo.hasNextPage && <p class="none">The first hundred are shown.</p>}
    </Panel>
  );
}

function Happening({ event }: { event: HistoryEvent }) {
  const lag = event.occurredAt ? new Date(event.observedAt).getTime() - new Date(event.occurredAt).getTime() : null;
  return (
    <li class={event.to ? tone(event.to) : "neutral"}>
      <div>
        <What event={event} />
        <small>
          <Ago time={event.observedAt} /> · {say(event.source)}
          {event.providerStatus && (
            <>
              {" · "}
              <code>{event.providerStatus}</code>
            </>
          )}
          {lag != null && lag >= 0 && lag < 86_400_000 && ` · ${milliseconds(lag)} later`}
        </small>
      </div>
    </li>
  );
}

function What({ event }: { event: HistoryEvent }) {
  const thing = event.document?.title ?? event.document?.filename ?? "A document";
  switch (event.type) {
    case "CREATED":
      return <p>Created {event.to && <Pill word={event.to} />}</p>;
    case "STATUS_CHANGED":
    case "CORRECTED":
      return (
        <p>
          {event.type === "CORRECTED" && "Corrected: "}
          {event.from && <span class="faint">{say(event.from)} →</span>} {event.to && <Pill word={event.to} />}
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
          {thing} <span class="faint">changed</span>
        </p>
      );
    case "SIGNATURE_ADDED":
      return <p>A signature was added{event.signature && ` (${say(event.signature.format)})`}</p>;
    default:
      return <p>{say(event.type)}</p>;
  }
}
