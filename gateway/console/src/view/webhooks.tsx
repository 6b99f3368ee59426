// What providers have sent, verified or not, and processing one again.
import { useEffect, useState } from "preact/hooks";
import { useAsk } from "../api/ask";
import { client } from "../api/client";
import { Deliveries, type Delivery, type Problem, Replay } from "../api/operation";
import { Ago, Empty, Icon, Pill, Skeleton } from "../part/basic";
import { Select } from "../part/field";
import { Pager, type Trail } from "../part/pager";
import { Failure, Problems } from "../part/trouble";
import { narrow, place, to } from "../route";
import { say } from "../word";
import { ProviderChoice } from "./sessions";

const outcomes = ["PENDING", "PROCESSED", "IGNORED", "FAILED"] as const;
const every = 2_000;
const soon = 250;

export function Webhooks() {
  const { query } = place.value;
  const provider = query.get("provider") ?? "";
  const outcome = query.get("outcome") ?? "";
  const [trail, setTrail] = useState<Trail>([]);
  const filter = {
    ...(provider && { providers: [provider] }),
    ...(outcome && { outcomes: [outcome as (typeof outcomes)[number]] }),
  };
  const { data, error, waiting, refresh } = useAsk(Deliveries, { filter, first: 50, after: trail.at(-1) ?? null }, { every });
  const set = (name: string) => (value: string) => (setTrail([]), narrow({ [name]: value }));
  const found = data?.webhookDeliveries;
  const pending = found?.nodes.some((delivery) => delivery.outcome === "PENDING") ?? false;

  useEffect(() => {
    const timer = pending ? setTimeout(() => void refresh(), soon) : undefined;
    return () => clearTimeout(timer);
  }, [pending, found, refresh]);

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
        <ProviderChoice value={provider} set={set("provider")} />
        <Select
          label="Outcome"
          value={outcome}
          set={set("outcome")}
          options={[["", "Any outcome"], ...outcomes.map((each) => [each, say(each)] as const)]}
        />
      </div>
      {error && <Failure error={error} retry={refresh} />}
      <section class="panel flush" aria-label="Deliveries" aria-busy={waiting}>
        {waiting && <Skeleton lines={6} />}
        {found && found.nodes.length > 0 && (
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
              {found.nodes.map((delivery) => (
                <Line key={delivery.id} delivery={delivery} refresh={refresh} />
              ))}
            </tbody>
          </table>
        )}
        {found && found.nodes.length === 0 && (
          <Empty title={provider || outcome ? "No delivery fits." : "No provider has sent anything yet."}>
            {provider || outcome
              ? "Try another provider or outcome."
              : "A provider that sends webhooks posts them to /webhooks/ and its name. The others are asked for changes."}
          </Empty>
        )}
        {found && <Pager info={found.pageInfo} trail={trail} follow={setTrail} />}
      </section>
    </>
  );
}

function Line({ delivery, refresh }: { delivery: Delivery; refresh: () => Promise<void> }) {
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
          <Pill word={delivery.outcome} as={delivery.outcome === "PENDING" ? "active" : undefined} />
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
          <Pill word={delivery.verification} />
        </td>
        <td class="about">
          {delivery.session ? (
            <a href={to("sessions", delivery.session.id)}>{delivery.session.title || "A session"}</a>
          ) : (
            <span class="faint">None known</span>
          )}
        </td>
        <td class="when">
          <Ago time={delivery.receivedAt} />
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
            <Problems problems={problems} />
            {failure && <p class="trouble">{failure}</p>}
          </td>
        </tr>
      )}
    </>
  );
}
