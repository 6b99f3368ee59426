import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { stubBrowser } from "./browser";

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers({ now: 1_000_000 });
});

afterEach(() => {
  vi.useRealTimers();
});

it("ticks once a second while the tab is visible, and catches up when it becomes visible again", async () => {
  const { document, dispatch } = stubBrowser();
  const { now } = await import("../src/clock");
  expect(now.value).toBe(1_000_000);
  vi.advanceTimersByTime(2_500);
  expect(now.value).toBe(1_002_000);
  document.hidden = true;
  vi.advanceTimersByTime(5_000);
  expect(now.value).toBe(1_002_000);
  document.hidden = false;
  dispatch("visibilitychange");
  expect(now.value).toBe(1_007_500);
});
