// What happens, as it happens.
import { recent } from "../../api/live";
import { Ago, Panel, Pill } from "../../part/basic";
import { to } from "../../route";
import { say } from "../../word";

const shown = 8;

export function Activity() {
  const events = recent.value.slice(0, shown);
  return (
    <Panel
      title="Happening now"
      note="Every change at every provider since this page was opened."
      side={<a href={to("sessions")}>All sessions</a>}
    >
      {events.length === 0 && <p class="none">Nothing has changed yet. Changes show here by themselves.</p>}
      <ol class="feed" aria-live="polite">
        {events.map((event) => (
          <li key={event.id}>
            <a href={to("sessions", event.session.id)}>{event.session.title || event.session.key}</a>
            <span class="faint">{event.session.provider.displayName}</span>
            {event.to ? <Pill word={event.to} /> : <span class="faint">{say(event.type)}</span>}
            <Ago time={event.observedAt} />
          </li>
        ))}
      </ol>
    </Panel>
  );
}
