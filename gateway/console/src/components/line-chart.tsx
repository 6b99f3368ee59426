// Line chart of time series. Lines differ in colour and dash pattern, and the legend has the values as text,
// so that nothing depends on seeing colours.
import { useEffect, useRef, useState } from "preact/hooks";
import { formatTimeRange, formatTick } from "../format";
import { isIsolated, lastKnownIndex, linearScale, linePath, middle, niceTicks, type Point, sliceAt } from "./chart-scale";

export interface Series {
  key: string;
  name: string;
  /** Index into the palette; a provider has the same on every page. */
  colorIndex: number;
  points: readonly Point[];
}

interface Props {
  label: string;
  series: readonly Series[];
  format: (value: number | null | undefined) => string;
  /** Smallest maximum of the value axis, so that a flat line near zero is not blown up. */
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
  const x = linearScale([first, last], [inset.left, width - inset.right]);
  const y = linearScale([0, top], [height - inset.bottom, inset.top]);
  const selected = sliceAt(pointerX, inset.left, plotWidth, slices.length);
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
            <path class="run" d={linePath(each.points, x, y)} stroke-dasharray={dashes[each.colorIndex % dashes.length]} />
            {each.points.map(
              (p, index) =>
                p.value !== null &&
                (index === (selected ?? lastKnownIndex(each.points)) || isIsolated(each.points, index)) && (
                  <circle
                    key={index}
                    cx={x(middle(p))}
                    cy={y(p.value)}
                    r={index === (selected ?? lastKnownIndex(each.points)) ? 4 : 3}
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
            <b class="number">{format(each.points[selected ?? lastKnownIndex(each.points)]?.value)}</b>
          </li>
        ))}
      </ul>
    </div>
  );
}

function summary(label: string, series: readonly Series[], format: Props["format"]): string {
  const latest = series.map((each) => `${each.name} ${format(each.points[lastKnownIndex(each.points)]?.value)}`);
  return `${label} over time. The latest: ${latest.join(", ")}.`;
}

function useWidth(frame: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(480);
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [frame]);
  return Math.max(width, 240);
}
