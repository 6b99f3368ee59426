import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatDuration,
  formatMilliseconds,
  formatPercent,
  formatRelativeTime,
  formatTick,
  formatTimeRange,
  parseDuration,
  pluralize,
} from "../src/format";
import { labelFor, toneFor } from "../src/labels";

const now = Date.UTC(2026, 0, 2, 12, 0, 0);
const at = (seconds: number) => new Date(now + seconds * 1000).toISOString();
const hour = 3_600_000;

describe("formatRelativeTime", () => {
  it.each([
    [-4, "just now"],
    [4, "just now"],
    [-59, "59 s ago"],
    [-60, "1 min ago"],
    [-3599, "59 min ago"],
    [-3600, "1 h ago"],
    [-86_400, "1 d ago"],
    [7200, "in 2 h"],
  ])("formats %i seconds from now as %s", (seconds, text) => {
    expect(formatRelativeTime(at(seconds), now)).toBe(text);
  });
});

describe("formatMilliseconds", () => {
  it.each([
    [null, "–"],
    [undefined, "–"],
    [0, "0 ms"],
    [1.25, "1.3 ms"],
    [999.4, "999 ms"],
    [1234, "1.23 s"],
    [12_340, "12.3 s"],
    [90_000, "1 min 30 s"],
  ])("formats %s as %s", (value, text) => {
    expect(formatMilliseconds(value)).toBe(text);
  });
});

describe("formatDuration", () => {
  it.each([
    [0.5, "500 ms"],
    [9.94, "9.9 s"],
    [59, "59 s"],
    [3660, "1 h 1 min"],
    [90_000, "1 d 1 h"],
  ])("formats %s seconds in at most two units: %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe("parseDuration", () => {
  it.each([
    ["PT15M", 900],
    ["P1D", 86_400],
    ["P1W", 604_800],
    ["P1Y2M3DT4H5M6.5S", (365 + 60 + 3) * 86_400 + 4 * 3600 + 5 * 60 + 6.5],
    ["PT0S", 0],
  ])("parses %s to %d seconds", (iso, seconds) => {
    expect(parseDuration(iso)).toBe(seconds);
  });
});

describe("formatPercent", () => {
  it.each([
    [null, "–"],
    [0, "0 %"],
    [0.5, "50 %"],
    [0.1234, "12.3 %"],
    [0.00123, "0.12 %"],
    [0.9987, "99.87 %"],
    [1, "100 %"],
  ])("formats a share of %s as %s", (share, text) => {
    expect(formatPercent(share)).toBe(text);
  });
});

describe("formatBytes", () => {
  it.each([
    [999, "999 B"],
    [1500, "1.5 kB"],
    [15_000, "15 kB"],
    [2_500_000, "2.5 MB"],
  ])("formats %i bytes as %s", (size, text) => {
    expect(formatBytes(size)).toBe(text);
  });
});

describe("time axes", () => {
  it("has ticks by time of day within hours, with the day within days, and days alone beyond", () => {
    expect(formatTick(hour, now)).toMatch(/^\d\d:\d\d$/);
    expect(formatTick(24 * hour, now)).toMatch(/Jan.*\d\d:\d\d$/);
    expect(formatTick(30 * 24 * hour, now)).toMatch(/^\d+ Jan$/);
  });

  it("names the day of a range's end only when the range is a day or longer", () => {
    expect(formatTimeRange(now, now + hour)).toMatch(/ to \d\d:\d\d$/);
    expect(formatTimeRange(now, now + 24 * hour)).toMatch(/ to \d+ Jan/);
  });
});

describe("pluralize", () => {
  it("uses the singular for one, a regular plural, or the one that is given", () => {
    expect(pluralize(1, "session")).toBe("1 session");
    expect(pluralize(0, "session")).toBe("0 sessions");
    expect(pluralize(1200, "person", "people")).toBe("1,200 people");
  });
});

describe("labels", () => {
  it("has irregular labels, and sentence case for the others", () => {
    expect(labelFor("PADES")).toBe("PAdES");
    expect(labelFor("IN_PROGRESS")).toBe("In progress");
  });

  it("is neutral about a value that it does not know", () => {
    expect(toneFor("COMPLETED")).toBe("good");
    expect(toneFor("SOMETHING_NEW")).toBe("neutral");
  });
});
