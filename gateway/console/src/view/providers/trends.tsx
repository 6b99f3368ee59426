// How fast the providers answer and how often they fail, over time.
import { useState } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { type Provider, type Slice, Trend } from "../../api/operation";
import { Panel, Skeleton } from "../../part/basic";
import { LineChart, type Series } from "../../part/chart";
import { Select } from "../../part/field";
import { Failure } from "../../part/trouble";
import { milliseconds, percent } from "../../word";
import { useWindow } from "./window";

const quantiles = [
  ["p50Ms", "Median"],
  ["p90Ms", "90 %"],
  ["p99Ms", "99 %"],
] as const;
type Quantile = (typeof quantiles)[number][0];

export function Trends({ providers }: { providers: readonly Provider[] }) {
  const [quantile, setQuantile] = useState<Quantile>("p90Ms");
  const { iso, slices, every } = useWindow();
  const { data, error, waiting, refresh } = useAsk(Trend, { window: iso, count: slices }, { every });
  const series = (value: (slice: Slice) => number | null): Series[] =>
    providers.map((provider, place) => ({
      key: provider.id,
      name: provider.displayName,
      place,
      points: (data?.comparison.providers.find((each) => each.provider.id === provider.id)?.slices ?? []).map((slice) => ({
        from: new Date(slice.from).getTime(),
        to: new Date(slice.to).getTime(),
        value: slice.requests ? value(slice) : null,
      })),
    }));
  return (
    <>
      {error && <Failure error={error} retry={refresh} />}
      {waiting && <Skeleton lines={5} />}
      {data && (
        <div class="columns even">
          <Panel
            title="Latency"
            note="How long providers take to answer."
            side={
              <Select
                label="Quantile"
                class="window"
                value={quantile}
                set={(value) => setQuantile(value as Quantile)}
                options={quantiles}
              />
            }
          >
            <LineChart label="Latency" series={series((slice) => slice.latency[quantile])} write={milliseconds} least={10} />
          </Panel>
          <Panel title="Failures" note="The share of calls that had no answer of use.">
            <LineChart label="Failure rate" series={series((slice) => slice.failureRate)} write={percent} least={0.1} />
          </Panel>
        </div>
      )}
    </>
  );
}
