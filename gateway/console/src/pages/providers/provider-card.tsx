// Provider card: health, circuit breaker, credentials and sync state, as they are now.
import { useState } from "preact/hooks";
import { beginAuthorization, authorizationResult } from "../../api/oauth";
import type { Problem, Provider } from "../../api/operations";
import { RelativeTime, DescriptionItem, Icon, ProviderInitial, StatusBadge } from "../../components/primitives";
import { ProblemList } from "../../components/problem-list";
import { formatCount, formatMilliseconds } from "../../format";
import { labelFor } from "../../labels";

const circuitLabels = {
  CLOSED: "Closed: calls go out",
  HALF_OPEN: "Half open: one call is tried",
  OPEN: "Open: it is left alone for a while",
};
const syncLabels = { WEBHOOK: "Webhook", POLL: "Polling", BOTH: "Webhook and polling", NONE: "When asked" };

const authorizable: ReadonlySet<string> = new Set(["AUTHORIZATION_REQUIRED", "EXPIRED", "REFUSED"]);

export function ProviderCard({ provider, index }: { provider: Provider; index: number }) {
  const { health, credentials, sync } = provider;
  return (
    <section
      class={`panel card ${health.state === "DOWN" ? "down" : ""}`}
      aria-label={provider.displayName}
      data-provider={provider.name}
      data-health={health.state}
    >
      <header>
        <ProviderInitial name={provider.name} index={index} />
        <div>
          <h2>{provider.displayName}</h2>
          <p class="note">
            {labelFor(provider.sessionKind)} · {provider.environment}
          </p>
        </div>
      </header>
      {health.problem && (
        <p class="reason">
          <Icon name="warn" />
          {health.problem.message}
        </p>
      )}
      <dl class="facts">
        <DescriptionItem name="Health">
          <StatusBadge value={health.state} text={health.state === "UNKNOWN" ? "Not asked yet" : labelFor(health.state)} />
        </DescriptionItem>
        <DescriptionItem name="Circuit">
          <span title={circuitLabels[health.circuit]}>
            <StatusBadge value={health.circuit} />
          </span>
        </DescriptionItem>
        <DescriptionItem name="Connection">
          <StatusBadge value={credentials.state} />
          {credentials.note && <small>{credentials.note}</small>}
          {authorizable.has(credentials.state) && <AuthorizeButton provider={provider} />}
        </DescriptionItem>
        <DescriptionItem name="Last answer">
          <RelativeTime time={health.lastSuccessAt} />
        </DescriptionItem>
        <DescriptionItem name="Last failure">
          <RelativeTime time={health.lastFailureAt} />
        </DescriptionItem>
        <DescriptionItem name="Updates by">{syncLabels[sync.strategy]}</DescriptionItem>
        <DescriptionItem name="Last look">
          <RelativeTime time={sync.lastSyncAt} />
          {sync.lagMs != null && <small>{formatMilliseconds(sync.lagMs)} behind</small>}
        </DescriptionItem>
        <DescriptionItem name="Followed">{formatCount(sync.openSessions)} open</DescriptionItem>
      </dl>
    </section>
  );
}

function AuthorizeButton({ provider }: { provider: Provider }) {
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const returnedProblems = authorizationResult.value?.provider === provider.name ? authorizationResult.value.problems : [];
  return (
    <>
      <button type="button" class="small" onClick={() => void beginAuthorization(provider.name).then(setProblems)}>
        <Icon name="out" />
        Authorize
      </button>
      <ProblemList problems={problems.length ? problems : returnedProblems} />
    </>
  );
}
