// How one provider is at this moment.
import { useState } from "preact/hooks";
import { authorize, returned } from "../../api/consent";
import type { Problem, Provider } from "../../api/operation";
import { Ago, Fact, Icon, Mark, Pill } from "../../part/basic";
import { Problems } from "../../part/trouble";
import { count, milliseconds, say } from "../../word";

const circuits = {
  CLOSED: "Closed: calls go out",
  HALF_OPEN: "Half open: one call is tried",
  OPEN: "Open: it is left alone for a while",
};
const ways = { WEBHOOK: "Webhook", POLL: "Polling", BOTH: "Webhook and polling", NONE: "When asked" };

const closed: ReadonlySet<string> = new Set(["AUTHORIZATION_REQUIRED", "EXPIRED", "REFUSED"]);

export function Card({ provider, place }: { provider: Provider; place: number }) {
  const { health, credentials, sync } = provider;
  return (
    <section
      class={`panel card ${health.state === "DOWN" ? "down" : ""}`}
      aria-label={provider.displayName}
      data-provider={provider.name}
      data-health={health.state}
    >
      <header>
        <Mark name={provider.name} place={place} />
        <div>
          <h2>{provider.displayName}</h2>
          <p class="note">
            {say(provider.sessionKind)} · {provider.environment}
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
        <Fact name="Health">
          <Pill word={health.state} text={health.state === "UNKNOWN" ? "Not asked yet" : say(health.state)} />
        </Fact>
        <Fact name="Circuit">
          <span title={circuits[health.circuit]}>
            <Pill word={health.circuit} />
          </span>
        </Fact>
        <Fact name="Connection">
          <Pill word={credentials.state} />
          {credentials.note && <small>{credentials.note}</small>}
          {closed.has(credentials.state) && <Authorize provider={provider} />}
        </Fact>
        <Fact name="Last answer">
          <Ago time={health.lastSuccessAt} />
        </Fact>
        <Fact name="Last failure">
          <Ago time={health.lastFailureAt} />
        </Fact>
        <Fact name="Updates by">{ways[sync.strategy]}</Fact>
        <Fact name="Last look">
          <Ago time={sync.lastSyncAt} />
          {sync.lagMs != null && <small>{milliseconds(sync.lagMs)} behind</small>}
        </Fact>
        <Fact name="Followed">{count(sync.openSessions)} open</Fact>
      </dl>
    </section>
  );
}

function Authorize({ provider }: { provider: Provider }) {
  const [problems, set] = useState<readonly Problem[]>([]);
  const back = returned.value?.provider === provider.name ? returned.value.problems : [];
  return (
    <>
      <button type="button" class="small" onClick={async () => set(await authorize(provider.name))}>
        <Icon name="out" />
        Authorize
      </button>
      <Problems problems={problems.length ? problems : back} />
    </>
  );
}
