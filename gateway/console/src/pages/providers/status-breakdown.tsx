// Stacked bars of the sessions by status, one bar a provider.
import { useQuery } from "../../api/query";
import { Counts, type Provider, type Status } from "../../api/operations";
import { Panel, Skeleton } from "../../components/primitives";
import { formatCount, pluralize } from "../../format";
import { labelFor, toneFor } from "../../labels";

const pollInterval = 15_000;

const statusOrder: Status[] = [
  "COMPLETED", "PARTIALLY_COMPLETED", "PROCESSING", "IN_PROGRESS", "PENDING", "READY", "DRAFT", "DECLINED", "FAILED", "EXPIRED", "CANCELED",
  "DELETED", "UNKNOWN",
]; // prettier-ignore

export function StatusBreakdown({ providers }: { providers: readonly Provider[] }) {
  return (
    <Panel title="Where sessions stand" note="By the provider’s own count where it keeps one, else by ours.">
      <ul class="bars">
        {providers.map((provider) => (
          <StatusBar key={provider.id} provider={provider} />
        ))}
      </ul>
    </Panel>
  );
}

function StatusBar({ provider }: { provider: Provider }) {
  const { data, error, loading } = useQuery(Counts, { name: provider.name }, { pollInterval });
  const counts = data?.provider?.sessionCounts;
  const shown = statusOrder.flatMap((status) =>
    (counts?.byStatus ?? []).filter((each) => each.status === status && each.count > 0),
  );
  const total = shown.reduce((sum, each) => sum + each.count, 0);
  return (
    <li>
      <div class="bar-head">
        <strong>{provider.displayName}</strong>
        {counts && (
          <span class="faint">
            {pluralize(total, "session")}
            {counts.needsAction ? `, ${formatCount(counts.needsAction)} need action` : ""}
          </span>
        )}
      </div>
      {loading && <Skeleton lines={1} />}
      <div class="bar" aria-hidden="true">
        {shown.map((each) => (
          <span
            key={each.status}
            class={`${toneFor(each.status)} ${each.status.toLowerCase()}`}
            style={{ flexGrow: each.count }}
            title={`${labelFor(each.status)}: ${each.count}`}
          />
        ))}
      </div>
      <p class="key">
        {shown.map((each) => (
          <span key={each.status}>
            <i class={toneFor(each.status)} aria-hidden="true" />
            {labelFor(each.status)} <b>{formatCount(each.count)}</b>
          </span>
        ))}
        {counts && total === 0 && <span class="faint">None yet</span>}
        {error && <span class="bad">{error.graphQLErrors[0]?.message ?? "Not known at the moment."}</span>}
      </p>
    </li>
  );
}
