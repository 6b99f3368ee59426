// Charts of the providers' latency quantiles and failure rates over time.
import { useState } from "preact/hooks";
import { useQuery } from "../../api/query";
import { type Provider, type Slice, Trend } from "../../api/operations";
import { Panel, Skeleton } from "../../components/primitives";
import { LineChart, type Series } from "../../components/line-chart";
import { SelectField } from "../../components/form-fields";
import { QueryError } from "../../components/problem-list";
import { formatMilliseconds, formatPercent } from "../../format";
import { useTimeWindow } from "./time-window";

const quantiles = [
  ["p50Ms", "Median"],
  ["p90Ms", "90 %"],
  ["p99Ms", "99 %"],
] as const;
type Quantile = (typeof quantiles)[number][0];

export function MetricTrends({ providers }: { providers: readonly Provider[] }) {
  const [quantile, setQuantile] = useState<Quantile>("p90Ms");
  const { iso, slices, pollInterval } = useTimeWindow();
  const { data, error, loading, refresh } = useQuery(Trend, { window: iso, count: slices }, { pollInterval });
  const seriesOf = (value: (slice: Slice) => number | null): Series[] =>
    providers.map((provider, index) => ({
      key: provider.id,
      name: provider.displayName,
      colorIndex: index,
      points: (data?.comparison.providers.find((each) => each.provider.id === provider.id)?.slices ?? []).map((slice) => ({
        from: new Date(slice.from).getTime(),
        to: new Date(slice.to).getTime(),
        value: slice.requests ? value(slice) : null,
      })),
    }));
  return (
    <>
      {error && <QueryError error={error} onRetry={refresh} />}
      {loading && <Skeleton lines={5} />}
      {data && (
        <div class="columns even">
          <Panel
            title="Latency"
            note="How long providers take to answer."
            side={
              <SelectField
                label="Quantile"
                class="window"
                value={quantile}
                onChange={(value) => setQuantile(value as Quantile)}
                options={quantiles}
              />
            }
          >
            <LineChart
              label="Latency"
              series={seriesOf((slice) => slice.latency[quantile])}
              format={formatMilliseconds}
              minMax={10}
            />
          </Panel>
          <Panel title="Failures" note="The share of calls that had no answer of use.">
            <LineChart
              label="Failure rate"
              series={seriesOf((slice) => slice.failureRate)}
              format={formatPercent}
              minMax={0.1}
            />
          </Panel>
        </div>
      )}
    </>
  );
}
