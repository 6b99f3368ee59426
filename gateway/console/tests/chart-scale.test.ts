import { describe, expect, it } from "vitest";
import { isIsolated, lastKnownIndex, linearScale, linePath, niceTicks, sliceAt } from "../src/components/chart-scale";

const points = (...values: (number | null)[]) => values.map((value, index) => ({ from: index, to: index + 1, value }));

describe("linearScale", () => {
  it("maps the domain to the range, also to one that runs backwards", () => {
    const x = linearScale([100, 200], [10, 110]);
    expect([x(100), x(150), x(200)]).toEqual([10, 60, 110]);
    const y = linearScale([0, 4], [200, 0]);
    expect([y(0), y(1), y(4)]).toEqual([200, 150, 0]);
  });
});

describe("niceTicks", () => {
  it.each([
    [0.1, [0, 0.025, 0.05, 0.075, 0.1]],
    [4, [0, 1, 2, 3, 4]],
    [10, [0, 2.5, 5, 7.5, 10]],
    [11, [0, 5, 10, 15]],
    [730, [0, 200, 400, 600, 800]],
  ])("has round values up to at least %d", (max, ticks) => {
    expect(niceTicks(max)).toHaveLength(ticks.length);
    niceTicks(max).forEach((tick, index) => expect(tick).toBeCloseTo(ticks[index] ?? NaN));
  });

  it.each([0.003, 0.7, 1, 7, 33, 999, 1001, 123_456])("covers %d in two to four steps", (max) => {
    const ticks = niceTicks(max);
    expect(ticks[0]).toBe(0);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(max);
    expect(ticks.length).toBeGreaterThanOrEqual(3);
    expect(ticks.length).toBeLessThanOrEqual(5);
  });
});

describe("linePath", () => {
  const same = (value: number) => value;

  it("draws through the middle of each slice", () => {
    expect(linePath(points(1, 2), same, same)).toBe("M0.5 1.0L1.5 2.0");
  });

  it("breaks the line where nothing was measured", () => {
    expect(linePath(points(1, null, 3, 4), same, same)).toBe("M0.5 1.0M2.5 3.0L3.5 4.0");
  });

  it("is empty without a value", () => {
    expect(linePath(points(null, null), same, same)).toBe("");
  });
});

describe("sliceAt", () => {
  it("finds the slice under the pointer", () => {
    expect(sliceAt(10, 10, 100, 4)).toBe(0);
    expect(sliceAt(60, 10, 100, 4)).toBe(2);
  });

  it("finds none outside of the plot, without a pointer and without slices", () => {
    expect(sliceAt(9, 10, 100, 4)).toBeUndefined();
    expect(sliceAt(110, 10, 100, 4)).toBeUndefined();
    expect(sliceAt(undefined, 10, 100, 4)).toBeUndefined();
    expect(sliceAt(50, 10, 100, 0)).toBeUndefined();
  });
});

describe("known points", () => {
  it("finds the last with a value", () => {
    expect(lastKnownIndex(points(1, 2, null))).toBe(1);
    expect(lastKnownIndex(points(null))).toBe(-1);
  });

  it("calls a point isolated that has no neighbour with a value", () => {
    expect(isIsolated(points(null, 1, null), 1)).toBe(true);
    expect(isIsolated(points(1), 0)).toBe(true);
    expect(isIsolated(points(null, 1, 2), 1)).toBe(false);
  });
});
