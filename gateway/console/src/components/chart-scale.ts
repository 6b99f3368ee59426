// Scales of a line chart: positions in pixels, axis ticks, paths.

/** Average over a slice of time, in milliseconds; null where nothing was measured. */
export interface Point {
  from: number;
  to: number;
  value: number | null;
}

/** Linear scale from a domain to a range of pixels. */
export function linearScale([start, end]: readonly [number, number], [low, high]: readonly [number, number]) {
  return (value: number): number => low + ((value - start) / (end - start)) * (high - low);
}

/** Ticks at round values (1, 2, 2.5 or 5 times a power of ten) from zero to at least the maximum, in at most four steps. */
export function niceTicks(max: number): number[] {
  const rough = max / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  return Array.from({ length: Math.ceil(max / step) + 1 }, (_, index) => index * step);
}

/** SVG path through the points that have a value, broken where one has none. */
export function linePath(points: readonly Point[], x: (time: number) => number, y: (value: number) => number): string {
  let drawing = false;
  return points
    .map((point) => {
      if (point.value === null) {
        drawing = false;
        return "";
      }
      const command = `${drawing ? "L" : "M"}${x(middle(point)).toFixed(1)} ${y(point.value).toFixed(1)}`;
      drawing = true;
      return command;
    })
    .join("");
}

export function middle({ from, to }: Point): number {
  return (from + to) / 2;
}

/** Index of the slice under the pointer; undefined outside of the plot. */
export function sliceAt(pointerX: number | undefined, left: number, width: number, count: number): number | undefined {
  if (pointerX === undefined) return undefined;
  const index = Math.floor(((pointerX - left) / width) * count);
  return index >= 0 && index < count ? index : undefined;
}

export function lastKnownIndex(points: readonly Point[]): number {
  return points.findLastIndex(({ value }) => value !== null);
}

/** Whether a point has no neighbour with a value, so that no line reaches it and it needs a dot of its own. */
export function isIsolated(points: readonly Point[], index: number): boolean {
  return points[index - 1]?.value == null && points[index + 1]?.value == null;
}
