// Primitives that every page is composed of: badges, times, panels, placeholders, icons.
import type { ComponentChildren } from "preact";
import { formatRelativeTime, formatSecond } from "../format";
import { labelFor, toneFor, type Tone } from "../labels";
import { now } from "../clock";

export function StatusBadge({ value, tone, text }: { value: string; tone?: Tone | undefined; text?: string }) {
  return (
    <span class={`pill ${tone ?? toneFor(value)}`}>
      <i aria-hidden="true" />
      {text ?? labelFor(value)}
    </span>
  );
}

export function RelativeTime({ time }: { time: string | null | undefined }) {
  if (!time) return <span class="faint">–</span>;
  return (
    <time dateTime={time} title={formatSecond(time)}>
      {formatRelativeTime(time, now.value)}
    </time>
  );
}

export function ProviderInitial({ name, index }: { name: string; index: number }) {
  return (
    <span class={`mark series-${index % 6}`} aria-hidden="true">
      {name.slice(0, 1).toUpperCase()}
    </span>
  );
}

export function DescriptionItem({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Panel(props: {
  title: string;
  note?: ComponentChildren;
  side?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}) {
  return (
    <section class={`panel ${props.class ?? ""}`}>
      <header>
        <div>
          <h2>{props.title}</h2>
          {props.note && <p class="note">{props.note}</p>}
        </div>
        {props.side}
      </header>
      {props.children}
    </section>
  );
}

export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} style={{ width: `${92 - ((line * 23) % 45)}%` }} />
      ))}
    </div>
  );
}

export function EmptyState({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name="empty" />
      <strong>{title}</strong>
      {children && <p>{children}</p>}
    </div>
  );
}

const iconPaths: Record<string, string> = {
  providers: "M4 20V10m5.5 10V4M15 20v-7m5 7V8",
  sessions: "M4 6h16M4 12h16M4 18h10",
  webhooks: "M13 3 5 14h6l-1 7 8-11h-6z",
  plus: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  down: "M12 4v11m-5-4 5 5 5-5M5 20h14",
  close: "M6 6l12 12M18 6 6 18",
  warn: "M12 4 2.8 20h18.4zM12 10v4.5m0 2.6v.1",
  empty: "M4 13h4l2 3h4l2-3h4M4 13l3-8h10l3 8v6H4z",
  more: "M9 6l6 6-6 6",
  again: "M4 12a8 8 0 0 1 14-5.3L20 9m0-5v5h-5M20 12a8 8 0 0 1-14 5.3L4 15m0 5v-5h5",
  check: "M5 12.5l5 5L19 7.5",
  out: "M14 4h6v6m0-6-9 9M10 5H5v14h14v-5",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
};

export function Icon({ name }: { name: keyof typeof iconPaths }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={iconPaths[name]} />
    </svg>
  );
}
