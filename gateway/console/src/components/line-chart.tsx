// A chart of lines over time. Lines differ in colour and in how they are drawn; the values are also there as text.
import { useEffect, useRef, useState } from "preact/hooks";
import { formatTimeRange, formatTick } from "../format";

export interface Series {
  key: string;
  name: string;
  /** Which colour, as everywhere on the page. */
  colorIndex: number;
  points: readonly Point[];
}

/** What holds from a time to another, in milliseconds; null where nothing is known. */
export interface Point {
  from: number;
  to: number;
  value: number | null;
}

interface Props {
  label: string;
  series: readonly Series[];
  format: (value: number | null | undefined) => string;
  /** What the axis shows at least. */
  minMax: number;
}

const height = 200;
const inset = { top: 10, right: 10, bottom: 24, left: 58 };
const dashes = ["", "7 4", "2 4", "10 4 2 4", "14 4", "4 2"];

export function LineChart({ label, series, format, minMax }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const [pointerX, setPointerX] = useState<number>();
  const slices = series[0]?.points ?? [];
  const first = slices[0]?.from ?? 0;
  const last = slices.at(-1)?.to ?? 1;
  const ticks = niceTicks(Math.max(minMax, ...series.flatMap((each) => each.points.map(({ value }) => value ?? 0))));
  const top = ticks.at(-1) ?? 1;
  const plotWidth = width - inset.left - inset.right;
  const x = (at: number) => inset.left + ((at - first) / (last - first)) * plotWidth;
  const y = (value: number) => inset.top + (1 - value / top) * (height - inset.top - inset.bottom);
  const middle = ({ from, to }: Point) => (from + to) / 2;
  const hovered = pointerX === undefined ? undefined : Math.floor(((pointerX - inset.left) / plotWidth) * slices.length);
  const selected = hovered !== undefined && slices[hovered] ? hovered : undefined;
  const slice = selected === undefined ? undefined : slices[selected];

  return (
    <div
      class="chart"
      ref={frame}
      onPointerMove={(event) => setPointerX(event.clientX - event.currentTarget.getBoundingClientRect().left)}
      onPointerLeave={() => setPointerX(undefined)}
    >
      <svg width={width} height={height} role="img" aria-label={summary(label, series, format)}>
        {ticks.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={inset.left} x2={width - inset.right} y1={y(tick)} y2={y(tick)} />
            <text class="tick" x={inset.left - 8} y={y(tick) + 4} text-anchor="end">
              {tick === 0 ? "0" : format(tick)}
            </text>
          </g>
        ))}
        {[first, (first + last) / 2, last].map((at, index) => (
          <text key={index} class="tick" x={x(at)} y={height - 6} text-anchor={["start", "middle", "end"][index]}>
            {slices.length ? formatTick(last - first, at) : ""}
          </text>
        ))}
        {slice && (
          <rect
            class="near"
            x={x(slice.from)}
            width={x(slice.to) - x(slice.from)}
            y={inset.top}
            height={height - inset.top - inset.bottom}
          />
        )}
        {series.map((each) => (
          <g key={each.key} class={`series-${each.colorIndex % 6}`}>
            <path
              class="run"
              d={linePath(each.points, (p) => x(middle(p)), y)}
              stroke-dasharray={dashes[each.colorIndex % dashes.length]}
            />
            {each.points.map(
              (p, index) =>
                p.value !== null &&
                (index === (selected ?? lastKnownIndex(each)) || isIsolated(each.points, index)) && (
                  <circle
                    key={index}
                    cx={x(middle(p))}
                    cy={y(p.value)}
                    r={index === (selected ?? lastKnownIndex(each)) ? 4 : 3}
                  />
                ),
            )}
          </g>
        ))}
      </svg>
      <p class="moment">{slice ? formatTimeRange(slice.from, slice.to) : "The latest that is known:"}</p>
      <ul class="legend">
        {series.map((each) => (
          <li key={each.key} class={`series-${each.colorIndex % 6}`}>
            <svg width="18" height="8" aria-hidden="true">
              <path class="run" d="M1 4h16" stroke-dasharray={dashes[each.colorIndex % dashes.length]} />
            </svg>
            <span>{each.name}</span>
            <b class="number">{format(each.points[selected ?? lastKnownIndex(each)]?.value)}</b>
          </li>
        ))}
      </ul>
    </div>
  );
}

function lastKnownIndex({ points }: Series): number {
  return points.findLastIndex(({ value }) => value !== null);
}

/** Whether no line comes to a point or goes from it. */
function isIsolated(points: readonly Point[], index: number): boolean {
  return points[index - 1]?.value == null && points[index + 1]?.value == null;
}

function summary(label: string, series: readonly Series[], format: Props["format"]): string {
  const latest = series.map((each) => `${each.name} ${format(each.points[lastKnownIndex(each)]?.value)}`);
  return `${label} over time. The latest: ${latest.join(", ")}.`;
}

/** A line through the points that have a value, broken where one has none. */
function linePath(points: readonly Point[], x: (setPointerX: Point) => number, y: (value: number) => number): string {
  let drawing = false;
  return points
    .map((setPointerX) => {
      if (setPointerX.value === null) {
        drawing = false;
        return "";
      }
      const slice = `${drawing ? "L" : "M"}${x(setPointerX).toFixed(1)} ${y(setPointerX.value).toFixed(1)}`;
      drawing = true;
      return slice;
    })
    .join("");
}

/** Round values from nothing to at least the most. */
function niceTicks(max: number): number[] {
  const rough = max / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const slice = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  return Array.from({ length: Math.ceil(max / slice) + 1 }, (_, index) => index * slice);
}

function useWidth(frame: { current: HTMLElement | null }): number {
  const [width, set] = useState(480);
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(() => set(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return Math.max(width, 240);
}
