// Providers page: cards, metrics, status counts, live events and capabilities.
import { useQuery } from "../api/query";
import { Providers as Query } from "../api/operations";
import { EmptyState, Skeleton } from "../components/primitives";
import { QueryError } from "../components/problem-list";
import { RecentEvents } from "./providers/recent-events";
import { ProviderCard } from "./providers/provider-card";
import { MetricsComparison } from "./providers/metrics-comparison";
import { CapabilityMatrix } from "./providers/capability-matrix";
import { StatusBreakdown } from "./providers/status-breakdown";
import { MetricTrends } from "./providers/metric-trends";
import { TimeWindowSelect } from "./providers/time-window";

const pollInterval = 15_000;

export function ProvidersPage() {
  const { data, error, loading, refresh } = useQuery(Query, {}, { pollInterval });
  const providers = data?.providers ?? [];
  return (
    <>
      <header class="top">
        <div>
          <h1>Providers</h1>
          <p class="note">The same figures for every place where documents are signed.</p>
        </div>
        <TimeWindowSelect />
      </header>
      {error && <QueryError error={error} onRetry={refresh} />}
      {loading && <Skeleton lines={6} />}
      {data && !providers.length && (
        <EmptyState title="No provider is configured.">Add one to the configuration of the gateway.</EmptyState>
      )}
      <div class="cards">
        {providers.map((provider, index) => (
          <ProviderCard key={provider.id} provider={provider} index={index} />
        ))}
      </div>

      {providers.length > 0 && (
        <>
          <MetricTrends providers={providers} />
          <MetricsComparison providers={providers} />
        </>
      )}
      <div class="columns even">
        <StatusBreakdown providers={providers} />
        <RecentEvents />
      </div>
      <CapabilityMatrix providers={providers} />
    </>
  );
}
