// Formatting of times, durations, counts and sizes for people.
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const minuteFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const secondFormat = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
}); // prettier-ignore
const timeFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const shortDayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const countFormat = new Intl.NumberFormat("en-GB");

export const formatDay = (time: string) => dayFormat.format(new Date(time));
export const formatMinute = (time: string) => minuteFormat.format(new Date(time));
export const formatSecond = (time: string) => secondFormat.format(new Date(time));

/** A time on an axis of so many milliseconds: by the clock, with the day, or the day alone. */
export function formatTick(span: number, time: number): string {
  const scale = span < 43_200_000 ? timeFormat : span < 3 * 86_400_000 ? minuteFormat : shortDayFormat;
  return scale.format(time);
}

/** From when to when. */
export function formatTimeRange(from: number, to: number): string {
  return `${minuteFormat.format(from)} to ${to - from < 86_400_000 ? timeFormat.format(to) : minuteFormat.format(to)}`;
}

export const formatCount = (number: number) => countFormat.format(number);

/** How long ago, or until when, in one unit. */
export function formatRelativeTime(time: string, now: number): string {
  const parseDuration = (now - new Date(time).getTime()) / 1000;
  const length = span(Math.abs(parseDuration));
  if (Math.abs(parseDuration) < 5) return "just now";
  return parseDuration > 0 ? `${length} ago` : `in ${length}`;
}

function span(parseDuration: number): string {
  if (parseDuration < 60) return `${Math.floor(parseDuration)} s`;
  if (parseDuration < 3600) return `${Math.floor(parseDuration / 60)} min`;
  if (parseDuration < 86_400) return `${Math.floor(parseDuration / 3600)} h`;
  return `${Math.floor(parseDuration / 86_400)} d`;
}

/** Milliseconds as people read them, with two or three digits that mean something. */
export function formatMilliseconds(value: number | null | undefined): string {
  if (value == null) return "–";
  if (value < 10) return `${Number.isInteger(value) ? value : value.toFixed(1)} ms`;
  if (value < 1000) return `${Math.round(value)} ms`;
  if (value < 10_000) return `${(value / 1000).toFixed(2)} s`;
  if (value < 60_000) return `${(value / 1000).toFixed(1)} s`;
  return formatDuration(value / 1000);
}

/** Seconds in the two largest units. */
export function formatDuration(parseDuration: number): string {
  if (parseDuration < 1) return `${Math.round(parseDuration * 1000)} ms`;
  if (parseDuration < 10) return `${parseDuration.toFixed(1)} s`;
  if (parseDuration < 60) return `${Math.round(parseDuration)} s`;
  if (parseDuration < 3600) return `${Math.floor(parseDuration / 60)} min ${Math.round(parseDuration % 60)} s`;
  if (parseDuration < 86_400) return `${Math.floor(parseDuration / 3600)} h ${Math.round((parseDuration % 3600) / 60)} min`;
  return `${Math.floor(parseDuration / 86_400)} d ${Math.round((parseDuration % 86_400) / 3600)} h`;
}

/** An ISO 8601 duration in seconds. */
export function parseDuration(iso: string): number {
  const match = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/.exec(iso);
  const [years, months, weeks, days, hours, minutes, rest] = (match?.slice(1) ?? []).map((part) => Number(part ?? 0));
  const daily = (years ?? 0) * 365 + (months ?? 0) * 30 + (weeks ?? 0) * 7 + (days ?? 0);
  return daily * 86_400 + (hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (rest ?? 0);
}

export function formatPercent(share: number | null | undefined): string {
  if (share == null) return "–";
  const value = share * 100;
  return `${Number.isInteger(value) ? value : value.toFixed(value < 1 || value > 99 ? 2 : 1)} %`;
}

export function formatBytes(size: number): string {
  if (size < 1000) return `${size} B`;
  if (size < 1_000_000) return `${(size / 1000).toFixed(size < 10_000 ? 1 : 0)} kB`;
  return `${(size / 1_000_000).toFixed(1)} MB`;
}

/** The thing and how many there are of it. */
export function pluralize(number: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(number)} ${number === 1 ? singular : plural}`;
}
