// How things are called and written on this page.
export type Tone = "good" | "active" | "wait" | "bad" | "neutral";

const tones: Record<string, Tone> = {
  // sessions
  DRAFT: "neutral", READY: "neutral", PENDING: "wait", IN_PROGRESS: "active", PROCESSING: "active", COMPLETED: "good",
  PARTIALLY_COMPLETED: "wait", DECLINED: "bad", CANCELED: "neutral", EXPIRED: "neutral", FAILED: "bad", DELETED: "neutral",
  UNKNOWN: "neutral",
  // participants and documents
  WAITING: "neutral", INVITED: "wait", VIEWED: "active", SIGNED: "good",
  // providers
  UP: "good", DEGRADED: "wait", DOWN: "bad", CLOSED: "good", HALF_OPEN: "wait", OPEN: "bad",
  CONNECTED: "good", AUTHORIZATION_REQUIRED: "wait", REFUSED: "bad",
  // signatures
  VALID: "good", INVALID: "bad", INDETERMINATE: "wait", NOT_CHECKED: "neutral",
  // sources
  FRESH: "good", STALE: "wait", UNAVAILABLE: "bad", TIMED_OUT: "bad", UNAUTHORIZED: "bad",
  // webhooks
  VERIFIED: "good", REJECTED: "bad", NOT_CONFIGURED: "neutral", PROCESSED: "good", IGNORED: "neutral",
}; // prettier-ignore

export function tone(word: string): Tone {
  return tones[word] ?? "neutral";
}

const special: Record<string, string> = {
  SIGNING: "Signing", SEALING: "Sealing", RECORD: "Record", UP: "Up", DOWN: "Down",
  ADD_SELF: "Add yourself", CADES: "CAdES", PADES: "PAdES", XADES: "XAdES", XMLDSIG: "XMLDSig", TO_SIGN: "To sign",
  MUTATION: "Our own call", READ: "Read", POLL: "Polling", WEBHOOK: "Webhook", DERIVED: "Worked out",
}; // prettier-ignore

/** A word of the schema as people write it: IN_PROGRESS is "In progress". */
export function say(word: string): string {
  return special[word] ?? word.charAt(0) + word.slice(1).toLowerCase().replaceAll("_", " ");
}

export const statuses = [
  "DRAFT", "READY", "PENDING", "IN_PROGRESS", "PROCESSING", "COMPLETED", "PARTIALLY_COMPLETED", "DECLINED", "CANCELED", "EXPIRED",
  "FAILED", "DELETED", "UNKNOWN",
] as const; // prettier-ignore

export const kinds = ["SIGNING", "SEALING", "RECORD"] as const;

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const minute = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const second = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
}); // prettier-ignore
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayOnly = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const whole = new Intl.NumberFormat("en-GB");

export const onDay = (time: string) => day.format(new Date(time));
export const toTheMinute = (time: string) => minute.format(new Date(time));
export const toTheSecond = (time: string) => second.format(new Date(time));

/** A time on an axis of so many milliseconds: by the clock, with the day, or the day alone. */
export function timeWithin(span: number, time: number): string {
  const scale = span < 43_200_000 ? clock : span < 3 * 86_400_000 ? minute : dayOnly;
  return scale.format(time);
}

/** From when to when. */
export function spanOfTime(from: number, to: number): string {
  return `${minute.format(from)} to ${to - from < 86_400_000 ? clock.format(to) : minute.format(to)}`;
}

export const count = (number: number) => whole.format(number);

/** How long ago, or until when, in one unit. */
export function distance(time: string, now: number): string {
  const seconds = (now - new Date(time).getTime()) / 1000;
  const length = span(Math.abs(seconds));
  if (Math.abs(seconds) < 5) return "just now";
  return seconds > 0 ? `${length} ago` : `in ${length}`;
}

function span(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Milliseconds as people read them, with two or three digits that mean something. */
export function milliseconds(value: number | null | undefined): string {
  if (value == null) return "–";
  if (value < 10) return `${Number.isInteger(value) ? value : value.toFixed(1)} ms`;
  if (value < 1000) return `${Math.round(value)} ms`;
  if (value < 10_000) return `${(value / 1000).toFixed(2)} s`;
  if (value < 60_000) return `${(value / 1000).toFixed(1)} s`;
  return duration(value / 1000);
}

/** Seconds in the two largest units. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.round((seconds % 86_400) / 3600)} h`;
}

/** An ISO 8601 duration in seconds. */
export function seconds(iso: string): number {
  const found = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/.exec(iso);
  const [years, months, weeks, days, hours, minutes, rest] = (found?.slice(1) ?? []).map((part) => Number(part ?? 0));
  const daily = (years ?? 0) * 365 + (months ?? 0) * 30 + (weeks ?? 0) * 7 + (days ?? 0);
  return daily * 86_400 + (hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (rest ?? 0);
}

export function percent(share: number | null | undefined): string {
  if (share == null) return "–";
  const value = share * 100;
  return `${Number.isInteger(value) ? value : value.toFixed(value < 1 || value > 99 ? 2 : 1)} %`;
}

export function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  if (size < 1_000_000) return `${(size / 1000).toFixed(size < 10_000 ? 1 : 0)} kB`;
  return `${(size / 1_000_000).toFixed(1)} MB`;
}

/** The thing and how many there are of it. */
export function many(number: number, one: string, several = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : several}`;
}

/** A key for a write that may be sent twice and shall happen once. */
export function onceKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
