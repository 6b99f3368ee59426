// Webhooks page: the deliveries in the inbox with their verification and outcome, and their replay.
import { useEffect, useState } from "preact/hooks";
import { useQuery } from "../api/query";
import { client } from "../api/client";
import { Deliveries, type Delivery, type Problem, Replay } from "../api/operations";
import { RelativeTime, EmptyState, Icon, StatusBadge, Skeleton } from "../components/primitives";
import { SelectField } from "../components/form-fields";
import { Pagination, type CursorStack } from "../components/pagination";
import { QueryError, ProblemList } from "../components/problem-list";
import { replaceQuery, route, href } from "../route";
import { labelFor } from "../labels";
import { ProviderSelect } from "./sessions";

const outcomes = ["PENDING", "PROCESSED", "IGNORED", "FAILED"] as const;
const pollInterval = 2_000;
const pendingPollInterval = 250;

export function WebhooksPage() {
  const { query } = route.value;
  const provider = query.get("provider") ?? "";
  const outcome = query.get("outcome") ?? "";
  const [cursors, setCursors] = useState<CursorStack>([]);
  const filter = {
    ...(provider && { providers: [provider] }),
    ...(outcome && { outcomes: [outcome as (typeof outcomes)[number]] }),
  };
  const { data, error, loading, refresh } = useQuery(
    Deliveries,
    { filter, first: 50, after: cursors.at(-1) ?? null },
    { pollInterval },
  );
  const setFilter = (name: string) => (value: string) => {
    setCursors([]);
    replaceQuery({ [name]: value });
  };
  const deliveries = data?.webhookDeliveries;
  const pending = deliveries?.nodes.some((delivery) => delivery.outcome === "PENDING") ?? false;

  useEffect(() => {
    const timer = pending ? setTimeout(() => void refresh(), pendingPollInterval) : undefined;
    return () => clearTimeout(timer);
  }, [pending, deliveries, refresh]);

  return (
    <>
      <header class="top">
        <div>
          <h1>Webhooks</h1>
          <p class="note">
            What providers sent by themselves, newest first. Nothing in a delivery is believed before the session was read back.
          </p>
        </div>
      </header>
      <div class="filters" role="search">
        <ProviderSelect value={provider} onChange={setFilter("provider")} />
        <SelectField
          label="Outcome"
          value={outcome}
          onChange={setFilter("outcome")}
          options={[["", "Any outcome"], ...outcomes.map((each) => [each, labelFor(each)] as const)]}
        />
      </div>
      {error && <QueryError error={error} onRetry={refresh} />}
      <section class="panel flush" aria-label="Deliveries" aria-busy={loading}>
        {loading && <Skeleton lines={6} />}
        {deliveries && deliveries.nodes.length > 0 && (
          <table class="rows deliveries">
            <thead>
              <tr>
                <th scope="col">Outcome</th>
                <th scope="col">Event</th>
                <th scope="col">Provider</th>
                <th scope="col">Signature</th>
                <th scope="col">Session</th>
                <th scope="col">Received</th>
                <th scope="col" class="end">
                  Attempts
                </th>
                <th scope="col">
                  <span class="unseen">What can be done</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {deliveries.nodes.map((delivery) => (
                <DeliveryRow key={delivery.id} delivery={delivery} refresh={refresh} />
              ))}
            </tbody>
          </table>
        )}
        {deliveries?.nodes.length === 0 && (
          <EmptyState title={provider || outcome ? "No delivery fits." : "No provider has sent anything yet."}>
            {provider || outcome
              ? "Try another provider or outcome."
              : "A provider that sends webhooks posts them to /webhooks/ and its name. The others are asked for changes."}
          </EmptyState>
        )}
        {deliveries && <Pagination pageInfo={deliveries.pageInfo} cursors={cursors} onChange={setCursors} />}
      </section>
    </>
  );
}

function DeliveryRow({ delivery, refresh }: { delivery: Delivery; refresh: () => Promise<void> }) {
  const [busy, setBusy] = useState(false);
  const [replayed, setReplayed] = useState(false);
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [failure, setFailure] = useState<string>();
  const verified = delivery.verification === "VERIFIED";

  async function replay(): Promise<void> {
    setBusy(true);
    const { data, error } = await client.mutation(Replay, { id: delivery.id }).toPromise();
    setProblems(data?.result.problems ?? []);
    setFailure(error?.message);
    setReplayed(!error && !data?.result.problems.length);
    await refresh();
    setBusy(false);
  }

  return (
    <>
      <tr data-outcome={delivery.outcome}>
        <td class="status">
          <StatusBadge value={delivery.outcome} tone={delivery.outcome === "PENDING" ? "active" : undefined} />
        </td>
        <td class="title">
          {delivery.eventName ?? <span class="faint">No name</span>}
          <small>
            {delivery.duplicateOf ? "Came before · " : ""}
            {delivery.problem?.message ?? <code title={delivery.bodySha256}>{delivery.bodySha256.slice(0, 12)}</code>}
          </small>
        </td>
        <td class="from">{delivery.provider}</td>
        <td>
          <StatusBadge value={delivery.verification} />
        </td>
        <td class="about">
          {delivery.session ? (
            <a href={href("sessions", delivery.session.id)}>{delivery.session.title || "A session"}</a>
          ) : (
            <span class="faint">None known</span>
          )}
        </td>
        <td class="when">
          <RelativeTime time={delivery.receivedAt} />
        </td>
        <td class="end number" data-label="Attempts">
          {delivery.attempts}
        </td>
        <td class="acts">
          <button
            type="button"
            class="small"
            disabled={busy || !verified}
            title={verified ? undefined : "Only what was verified is processed"}
            onClick={() => void replay()}
          >
            <Icon name={replayed && !busy ? "check" : "again"} />
            {busy ? "Replaying…" : replayed ? "Replayed" : "Replay"}
          </button>
        </td>
      </tr>
      {(problems.length > 0 || failure) && (
        <tr>
          <td colSpan={8}>
            <ProblemList problems={problems} />
            {failure && <p class="trouble">{failure}</p>}
          </td>
        </tr>
      )}
    </>
  );
}
