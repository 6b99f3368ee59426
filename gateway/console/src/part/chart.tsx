// A chart of lines over time. Lines differ in colour and in how they are drawn; the values are also there as text.
import { useEffect, useRef, useState } from "preact/hooks";
import { spanOfTime, timeWithin } from "../word";

export interface Series {
  key: string;
  name: string;
  /** Which colour, as everywhere on the page. */
  place: number;
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
  write: (value: number | null | undefined) => string;
  /** What the axis shows at least. */
  least: number;
}

const height = 200;
const inset = { top: 10, right: 10, bottom: 24, left: 58 };
const dashes = ["", "7 4", "2 4", "10 4 2 4", "14 4", "4 2"];

export function LineChart({ label, series, write, least }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const [pointed, point] = useState<number>();
  const steps = series[0]?.points ?? [];
  const first = steps[0]?.from ?? 0;
  const last = steps.at(-1)?.to ?? 1;
  const ticks = nice(Math.max(least, ...series.flatMap((each) => each.points.map(({ value }) => value ?? 0))));
  const top = ticks.at(-1) ?? 1;
  const across = width - inset.left - inset.right;
  const x = (at: number) => inset.left + ((at - first) / (last - first)) * across;
  const y = (value: number) => inset.top + (1 - value / top) * (height - inset.top - inset.bottom);
  const middle = ({ from, to }: Point) => (from + to) / 2;
  const near = pointed === undefined ? undefined : Math.floor(((pointed - inset.left) / across) * steps.length);
  const shown = near !== undefined && steps[near] ? near : undefined;
  const step = shown === undefined ? undefined : steps[shown];

  return (
    <div
      class="chart"
      ref={frame}
      onPointerMove={(event) => point(event.clientX - event.currentTarget.getBoundingClientRect().left)}
      onPointerLeave={() => point(undefined)}
    >
      <svg width={width} height={height} role="img" aria-label={summary(label, series, write)}>
        {ticks.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={inset.left} x2={width - inset.right} y1={y(tick)} y2={y(tick)} />
            <text class="tick" x={inset.left - 8} y={y(tick) + 4} text-anchor="end">
              {tick === 0 ? "0" : write(tick)}
            </text>
          </g>
        ))}
        {[first, (first + last) / 2, last].map((at, place) => (
          <text key={place} class="tick" x={x(at)} y={height - 6} text-anchor={["start", "middle", "end"][place]}>
            {steps.length ? timeWithin(last - first, at) : ""}
          </text>
        ))}
        {step && (
          <rect
            class="near"
            x={x(step.from)}
            width={x(step.to) - x(step.from)}
            y={inset.top}
            height={height - inset.top - inset.bottom}
          />
        )}
        {series.map((each) => (
          <g key={each.key} class={`series-${each.place % 6}`}>
            <path
              class="run"
              d={path(each.points, (p) => x(middle(p)), y)}
              stroke-dasharray={dashes[each.place % dashes.length]}
            />
            {each.points.map(
              (p, place) =>
                p.value !== null &&
                (place === (shown ?? lastKnown(each)) || alone(each.points, place)) && (
                  <circle key={place} cx={x(middle(p))} cy={y(p.value)} r={place === (shown ?? lastKnown(each)) ? 4 : 3} />
                ),
            )}
          </g>
        ))}
      </svg>
      <p class="moment">{step ? spanOfTime(step.from, step.to) : "The latest that is known:"}</p>
      <ul class="legend">
        {series.map((each) => (
          <li key={each.key} class={`series-${each.place % 6}`}>
            <svg width="18" height="8" aria-hidden="true">
              <path class="run" d="M1 4h16" stroke-dasharray={dashes[each.place % dashes.length]} />
            </svg>
            <span>{each.name}</span>
            <b class="number">{write(each.points[shown ?? lastKnown(each)]?.value)}</b>
          </li>
        ))}
      </ul>
    </div>
  );
}

function lastKnown({ points }: Series): number {
  return points.findLastIndex(({ value }) => value !== null);
}

/** Whether no line comes to a point or goes from it. */
function alone(points: readonly Point[], place: number): boolean {
  return points[place - 1]?.value == null && points[place + 1]?.value == null;
}

function summary(label: string, series: readonly Series[], write: Props["write"]): string {
  const latest = series.map((each) => `${each.name} ${write(each.points[lastKnown(each)]?.value)}`);
  return `${label} over time. The latest: ${latest.join(", ")}.`;
}

/** A line through the points that have a value, broken where one has none. */
function path(points: readonly Point[], x: (point: Point) => number, y: (value: number) => number): string {
  let drawing = false;
  return points
    .map((point) => {
      if (point.value === null) {
        drawing = false;
        return "";
      }
      const step = `${drawing ? "L" : "M"}${x(point).toFixed(1)} ${y(point.value).toFixed(1)}`;
      drawing = true;
      return step;
    })
    .join("");
}

/** Round values from nothing to at least the most. */
function nice(most: number): number[] {
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, place) => place * step);
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
