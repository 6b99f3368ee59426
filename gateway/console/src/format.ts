// Formatting of times, durations, counts and sizes.
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

/** Formats a tick of a time axis that spans so many milliseconds: time of day, day and time, or day alone. */
export function formatTick(span: number, time: number): string {
  const scale = span < 43_200_000 ? timeFormat : span < 3 * 86_400_000 ? minuteFormat : shortDayFormat;
  return scale.format(time);
}

/** Formats a time range; the day is repeated only where the range is a day or longer. */
export function formatTimeRange(from: number, to: number): string {
  return `${minuteFormat.format(from)} to ${to - from < 86_400_000 ? timeFormat.format(to) : minuteFormat.format(to)}`;
}

export const formatCount = (number: number) => countFormat.format(number);

/** Formats a time relative to now, in one unit: "3 min ago", "in 2 h". */
export function formatRelativeTime(time: string, now: number): string {
  const seconds = (now - new Date(time).getTime()) / 1000;
  const length = formatSpan(Math.abs(seconds));
  if (Math.abs(seconds) < 5) return "just now";
  return seconds > 0 ? `${length} ago` : `in ${length}`;
}

function formatSpan(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Formats milliseconds with two or three significant digits. */
export function formatMilliseconds(value: number | null | undefined): string {
  if (value == null) return "–";
  if (value < 10) return `${Number.isInteger(value) ? value : value.toFixed(1)} ms`;
  if (value < 1000) return `${Math.round(value)} ms`;
  if (value < 10_000) return `${(value / 1000).toFixed(2)} s`;
  if (value < 60_000) return `${(value / 1000).toFixed(1)} s`;
  return formatDuration(value / 1000);
}

/** Formats seconds in the two largest units. */
export function formatDuration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.round((seconds % 86_400) / 3600)} h`;
}

/** Parses an ISO 8601 duration to seconds; a year counts as 365 days, a month as 30. */
export function parseDuration(iso: string): number {
  const match = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/.exec(iso);
  const [years, months, weeks, days, hours, minutes, rest] = (match?.slice(1) ?? []).map((part) =>
    Number((part as string | undefined) ?? 0),
  );
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

/** Formats a count with its noun in the singular or plural. */
export function pluralize(number: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(number)} ${number === 1 ? singular : plural}`;
}
