// How far sessions have come at each provider.
import { useAsk } from "../../api/ask";
import { Counts, type Provider, type Status } from "../../api/operation";
import { Panel, Skeleton } from "../../part/basic";
import { count, many, say, tone } from "../../word";

const every = 15_000;

const order: Status[] = [
  "COMPLETED", "PARTIALLY_COMPLETED", "PROCESSING", "IN_PROGRESS", "PENDING", "READY", "DRAFT", "DECLINED", "FAILED", "EXPIRED", "CANCELED",
  "DELETED", "UNKNOWN",
]; // prettier-ignore

export function Standing({ providers }: { providers: readonly Provider[] }) {
  return (
    <Panel title="Where sessions stand" note="By the provider’s own count where it keeps one, else by ours.">
      <ul class="bars">
        {providers.map((provider) => (
          <Bar key={provider.id} provider={provider} />
        ))}
      </ul>
    </Panel>
  );
}

function Bar({ provider }: { provider: Provider }) {
  const { data, error, waiting } = useAsk(Counts, { name: provider.name }, { every });
  const counts = data?.provider?.sessionCounts;
  const shown = order.flatMap((status) => (counts?.byStatus ?? []).filter((each) => each.status === status && each.count > 0));
  const all = shown.reduce((sum, each) => sum + each.count, 0);
  return (
    <li>
      <div class="bar-head">
        <strong>{provider.displayName}</strong>
        {counts && (
          <span class="faint">
            {many(all, "session")}
            {counts.needsAction ? `, ${count(counts.needsAction)} need action` : ""}
          </span>
        )}
      </div>
      {waiting && <Skeleton lines={1} />}
      <div class="bar" aria-hidden="true">
        {shown.map((each) => (
          <span
            key={each.status}
            class={`${tone(each.status)} ${each.status.toLowerCase()}`}
            style={{ flexGrow: each.count }}
            title={`${say(each.status)}: ${each.count}`}
          />
        ))}
      </div>
      <p class="key">
        {shown.map((each) => (
          <span key={each.status}>
            <i class={tone(each.status)} aria-hidden="true" />
            {say(each.status)} <b>{count(each.count)}</b>
          </span>
        ))}
        {counts && all === 0 && <span class="faint">None yet</span>}
        {error && <span class="bad">{error.graphQLErrors[0]?.message ?? "Not known at the moment."}</span>}
      </p>
    </li>
  );
}
