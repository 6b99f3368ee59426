// The figures side by side, over one window for all.
import { Fragment } from "preact";
import { useAsk } from "../../api/ask";
import { Compare, type Figures, type Operation, type Provider } from "../../api/operation";
import { Mark, Panel, Skeleton } from "../../part/basic";
import { Failure } from "../../part/trouble";
import { count, duration, milliseconds, percent, say, seconds, toTheMinute } from "../../word";
import { Funnel } from "./funnel";
import { useWindow } from "./window";

interface Figure {
  name: string;
  value: (figures: Figures) => number | null | undefined;
  write: (value: number | null | undefined) => string;
  /** Which is better, where one is. */
  better?: "more" | "less";
}

const plain = (value: number | null | undefined) => (value == null ? "–" : count(value));
const lasting = (iso: string | null | undefined) => (iso == null ? null : seconds(iso));
const long = (value: number | null | undefined) => (value == null ? "–" : duration(value));

const groups: readonly (readonly [string, readonly Figure[]])[] = [
  [
    "Calls",
    [
      { name: "Requests", value: (each) => each.requests, write: plain },
      { name: "Failures", value: (each) => each.failures, write: plain },
      { name: "Failure rate", value: (each) => each.failureRate, write: percent, better: "less" },
      { name: "Availability", value: (each) => each.availability, write: percent, better: "more" },
    ],
  ],
  [
    "Latency",
    [
      { name: "Median", value: (each) => each.latency.p50Ms, write: milliseconds, better: "less" },
      { name: "90 %", value: (each) => each.latency.p90Ms, write: milliseconds, better: "less" },
      { name: "99 %", value: (each) => each.latency.p99Ms, write: milliseconds, better: "less" },
      { name: "Slowest", value: (each) => each.latency.maxMs, write: milliseconds },
    ],
  ],
  [
    "Sessions",
    [
      { name: "Created", value: (each) => each.sessions.created, write: plain },
      { name: "Completed", value: (each) => each.sessions.completed, write: plain },
      { name: "Completion rate", value: (each) => each.sessions.completionRate, write: percent, better: "more" },
      {
        name: "Time to complete, median",
        value: (each) => lasting(each.sessions.timeToComplete.p50),
        write: long,
        better: "less",
      },
      { name: "Time to complete, 90 %", value: (each) => lasting(each.sessions.timeToComplete.p90), write: long },
    ],
  ],
  [
    "Status",
    [
      { name: "Lag, median", value: (each) => each.statusLag.p50Ms, write: milliseconds, better: "less" },
      { name: "Lag, 90 %", value: (each) => each.statusLag.p90Ms, write: milliseconds },
      { name: "Words we do not know", value: (each) => each.unknownStatuses, write: plain },
    ],
  ],
];

export function Comparison({ providers }: { providers: readonly Provider[] }) {
  const { iso, every } = useWindow();
  const { data, error, waiting, refresh } = useAsk(Compare, { window: iso }, { every });
  const found = data?.comparison;
  const figures = providers.flatMap((provider) => found?.providers.filter((each) => each.provider.id === provider.id) ?? []);
  return (
    <>
      <Panel
        title="Side by side"
        class="flush"
        note={
          found ? `From ${toTheMinute(found.from)} to ${toTheMinute(found.to)}, over all gateways.` : "The same window for all."
        }
      >
        {error && <Failure error={error} retry={refresh} />}
        {waiting && <Skeleton lines={6} />}
        {figures.length > 0 && (
          <div class="scroll" tabIndex={0} role="region" aria-label="Figures side by side">
            <table class="matrix figures">
              <Head figures={figures} providers={providers} />
              {groups.map(([title, rows]) => (
                <tbody key={title}>
                  <tr class="group">
                    <th scope="rowgroup" colSpan={figures.length + 1}>
                      {title}
                    </th>
                  </tr>
                  {rows.map((row) => (
                    <Row key={row.name} row={row} figures={figures} />
                  ))}
                </tbody>
              ))}
            </table>
          </div>
        )}
      </Panel>
      <div class="columns even">
        {found && <Funnel figures={figures} />}
        {found && <ByOperation figures={figures} />}
      </div>
    </>
  );
}

function Head({ figures, providers }: { figures: readonly Figures[]; providers: readonly Provider[] }) {
  return (
    <thead>
      <tr>
        <th scope="col">
          <span class="unseen">Figure</span>
        </th>
        {figures.map(({ provider }) => (
          <th scope="col" class="end" key={provider.id}>
            <span class="named">
              <Mark name={provider.name} place={providers.findIndex((each) => each.id === provider.id)} />
              {provider.displayName}
            </span>
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Row({ row, figures }: { row: Figure; figures: readonly Figures[] }) {
  const values = figures.map(row.value);
  const known = values.filter((value) => value != null);
  const best =
    row.better && known.length > 1 && new Set(known).size > 1
      ? Math[row.better === "more" ? "max" : "min"](...known)
      : undefined;
  return (
    <tr>
      <th scope="row">{row.name}</th>
      {values.map((value, place) => (
        <td class="end number" key={place}>
          {best !== undefined && value === best && <span class="best">best</span>}
          {row.write(value)}
        </td>
      ))}
    </tr>
  );
}

function ByOperation({ figures }: { figures: readonly Figures[] }) {
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
                    <One key={operation} figures={each} operation={operation} />
                  ))}
                </tbody>
              ))}
          </table>
        </div>
      )}
    </Panel>
  );
}

function One({ figures, operation }: { figures: Figures; operation: Operation }) {
  const found = figures.operations.find((each) => each.operation === operation);
  if (!found?.requests) return <Fragment />;
  return (
    <tr>
      <th scope="row">{say(operation)}</th>
      <td class="end number">{count(found.requests)}</td>
      <td class={`end number ${found.failures ? "bad" : ""}`}>{count(found.failures)}</td>
      <td class="end number">{milliseconds(found.latency.p50Ms)}</td>
    </tr>
  );
}
