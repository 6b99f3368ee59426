// The providers side by side.
import { useAsk } from "../api/ask";
import { Providers as Query } from "../api/operation";
import { Empty, Skeleton } from "../part/basic";
import { Failure } from "../part/trouble";
import { Activity } from "./providers/activity";
import { Card } from "./providers/card";
import { Comparison } from "./providers/comparison";
import { Matrix } from "./providers/matrix";
import { Standing } from "./providers/standing";
import { Trends } from "./providers/trends";
import { WindowChoice } from "./providers/window";

const every = 15_000;

export function Providers() {
  const { data, error, waiting, refresh } = useAsk(Query, {}, { every });
  const providers = data?.providers ?? [];
  return (
    <>
      <header class="top">
        <div>
          <h1>Providers</h1>
          <p class="note">The same figures for every place where documents are signed.</p>
        </div>
        <WindowChoice />
      </header>
      {error && <Failure error={error} retry={refresh} />}
      {waiting && <Skeleton lines={6} />}
      {data && !providers.length && (
        <Empty title="No provider is configured.">Add one to the configuration of the gateway.</Empty>
      )}
      <div class="cards">
        {providers.map((provider, place) => (
          <Card key={provider.id} provider={provider} place={place} />
        ))}
      </div>

      {providers.length > 0 && (
        <>
          <Trends providers={providers} />
          <Comparison providers={providers} />
        </>
      )}
      <div class="columns even">
        <Standing providers={providers} />
        <Activity />
      </div>
      <Matrix providers={providers} />
    </>
  );
}
