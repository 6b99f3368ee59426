// Live feed of the latest session events.
import { recentEvents } from "../../api/subscriptions";
import { RelativeTime, Panel, StatusBadge } from "../../components/primitives";
import { href } from "../../route";
import { labelFor } from "../../labels";

const limit = 8;

export function RecentEvents() {
  const events = recentEvents.value.slice(0, limit);
  return (
    <Panel
      title="Happening now"
      note="Every change at every provider since this page was opened."
      side={<a href={href("sessions")}>All sessions</a>}
    >
      {events.length === 0 && <p class="none">Nothing has changed yet. Changes show here by themselves.</p>}
      <ol class="feed" aria-live="polite">
        {events.map((event) => (
          <li key={event.id}>
            <a href={href("sessions", event.session.id)}>{event.session.title || event.session.key}</a>
            <span class="faint">{event.session.provider.displayName}</span>
            {event.to ? <StatusBadge value={event.to} /> : <span class="faint">{labelFor(event.type)}</span>}
            <RelativeTime time={event.observedAt} />
          </li>
        ))}
      </ol>
    </Panel>
  );
}
