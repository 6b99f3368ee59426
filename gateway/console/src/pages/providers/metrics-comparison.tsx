// Metrics of the providers side by side, over the same time window.
import { Fragment } from "preact";
import { useQuery } from "../../api/query";
import { Compare, type Figures, type Operation, type Provider } from "../../api/operations";
import { ProviderInitial, Panel, Skeleton } from "../../components/primitives";
import { QueryError } from "../../components/problem-list";
import { formatCount, formatDuration, formatMilliseconds, formatPercent, parseDuration, formatMinute } from "../../format";
import { labelFor } from "../../labels";
import { CompletionFunnel } from "./completion-funnel";
import { useTimeWindow } from "./time-window";

interface Metric {
  name: string;
  value: (figures: Figures) => number | null | undefined;
  format: (value: number | null | undefined) => string;
  /** Which end of the scale is better; omitted where neither is. */
  better?: "more" | "less";
}

const formatCountOrDash = (value: number | null | undefined) => (value == null ? "–" : formatCount(value));
const durationSeconds = (iso: string | null | undefined) => (iso == null ? null : parseDuration(iso));
const formatDurationOrDash = (value: number | null | undefined) => (value == null ? "–" : formatDuration(value));

const metricGroups: readonly (readonly [string, readonly Metric[]])[] = [
  [
    "Calls",
    [
      { name: "Requests", value: (each) => each.requests, format: formatCountOrDash },
      { name: "Failures", value: (each) => each.failures, format: formatCountOrDash },
      { name: "Failure rate", value: (each) => each.failureRate, format: formatPercent, better: "less" },
      { name: "Availability", value: (each) => each.availability, format: formatPercent, better: "more" },
    ],
  ],
  [
    "Latency",
    [
      { name: "Median", value: (each) => each.latency.p50Ms, format: formatMilliseconds, better: "less" },
      { name: "90 %", value: (each) => each.latency.p90Ms, format: formatMilliseconds, better: "less" },
      { name: "99 %", value: (each) => each.latency.p99Ms, format: formatMilliseconds, better: "less" },
      { name: "Slowest", value: (each) => each.latency.maxMs, format: formatMilliseconds },
    ],
  ],
  [
    "Sessions",
    [
      { name: "Created", value: (each) => each.sessions.created, format: formatCountOrDash },
      { name: "Completed", value: (each) => each.sessions.completed, format: formatCountOrDash },
      { name: "Completion rate", value: (each) => each.sessions.completionRate, format: formatPercent, better: "more" },
      {
        name: "Time to complete, median",
        value: (each) => durationSeconds(each.sessions.timeToComplete.p50),
        format: formatDurationOrDash,
        better: "less",
      },
      {
        name: "Time to complete, 90 %",
        value: (each) => durationSeconds(each.sessions.timeToComplete.p90),
        format: formatDurationOrDash,
      },
    ],
  ],
  [
    "Status",
    [
      { name: "Lag, median", value: (each) => each.statusLag.p50Ms, format: formatMilliseconds, better: "less" },
      { name: "Lag, 90 %", value: (each) => each.statusLag.p90Ms, format: formatMilliseconds },
      { name: "Words we do not know", value: (each) => each.unknownStatuses, format: formatCountOrDash },
    ],
  ],
];

export function MetricsComparison({ providers }: { providers: readonly Provider[] }) {
  const { iso, pollInterval } = useTimeWindow();
  const { data, error, loading, refresh } = useQuery(Compare, { window: iso }, { pollInterval });
  const comparison = data?.comparison;
  const figures = providers.flatMap(
    (provider) => comparison?.providers.filter((each) => each.provider.id === provider.id) ?? [],
  );
  return (
    <>
      <Panel
        title="Side by side"
        class="flush"
        note={
          comparison
            ? `From ${formatMinute(comparison.from)} to ${formatMinute(comparison.to)}, over all gateways.`
            : "The same window for all."
        }
      >
        {error && <QueryError error={error} onRetry={refresh} />}
        {loading && <Skeleton lines={6} />}
        {figures.length > 0 && (
          <div class="scroll" tabIndex={0} role="region" aria-label="Figures side by side">
            <table class="matrix figures">
              <MetricsHead figures={figures} providers={providers} />
              {metricGroups.map(([title, rows]) => (
                <tbody key={title}>
                  <tr class="group">
                    <th scope="rowgroup" colSpan={figures.length + 1}>
                      {title}
                    </th>
                  </tr>
                  {rows.map((row) => (
                    <MetricsRow key={row.name} row={row} figures={figures} />
                  ))}
                </tbody>
              ))}
            </table>
          </div>
        )}
      </Panel>
      <div class="columns even">
        {comparison && <CompletionFunnel figures={figures} />}
        {comparison && <OperationTable figures={figures} />}
      </div>
    </>
  );
}

function MetricsHead({ figures, providers }: { figures: readonly Figures[]; providers: readonly Provider[] }) {
  return (
    <thead>
      <tr>
        <th scope="col">
          <span class="unseen">Figure</span>
        </th>
        {figures.map(({ provider }) => (
          <th scope="col" class="end" key={provider.id}>
            <span class="named">
              <ProviderInitial name={provider.name} index={providers.findIndex((each) => each.id === provider.id)} />
              {provider.displayName}
            </span>
          </th>
        ))}
      </tr>
    </thead>
  );
}

function MetricsRow({ row, figures }: { row: Metric; figures: readonly Figures[] }) {
  const values = figures.map(row.value);
  const present = values.filter((value) => value != null);
  const best =
    row.better && present.length > 1 && new Set(present).size > 1
      ? Math[row.better === "more" ? "max" : "min"](...present)
      : undefined;
  return (
    <tr>
      <th scope="row">{row.name}</th>
      {values.map((value, index) => (
        <td class="end number" key={index}>
          {best !== undefined && value === best && <span class="best">best</span>}
          {row.format(value)}
        </td>
      ))}
    </tr>
  );
}

function OperationTable({ figures }: { figures: readonly Figures[] }) {
  const operations = [...new Set(figures.flatMap((each) => each.operations.map(({ operation }) => operation)))];
  return (
    <Panel title="By operation" note="Calls, how many of them failed, and the median latency." class="flush">
      {operations.length === 0 && <p class="none">No call went out in this window.</p>}
      {operations.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Figures by operation">
          <table class="matrix figures">
            <thead>
              <tr>
                <th scope="col">Operation</th>
                <th scope="col" class="end">
                  Calls
                </th>
                <th scope="col" class="end">
                  Failed
                </th>
                <th scope="col" class="end">
                  Median
                </th>
              </tr>
            </thead>
            {figures
              .filter((each) => each.operations.length > 0)
              .map((each) => (
                <tbody key={each.provider.id}>
                  <tr class="group">
                    <th scope="rowgroup" colSpan={4}>
                      {each.provider.displayName}
                    </th>
                  </tr>
                  {operations.map((operation) => (
                    <OperationRow key={operation} figures={each} operation={operation} />
                  ))}
                </tbody>
              ))}
          </table>
        </div>
      )}
    </Panel>
  );
}

function OperationRow({ figures, operation }: { figures: Figures; operation: Operation }) {
  const metrics = figures.operations.find((each) => each.operation === operation);
  if (!metrics?.requests) return <Fragment />;
  return (
    <tr>
      <th scope="row">{labelFor(operation)}</th>
      <td class="end number">{formatCount(metrics.requests)}</td>
      <td class={`end number ${metrics.failures ? "bad" : ""}`}>{formatCount(metrics.failures)}</td>
      <td class="end number">{formatMilliseconds(metrics.latency.p50Ms)}</td>
    </tr>
  );
}
