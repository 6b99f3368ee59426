// Every session of every provider, newest first, moving as they do; and who did not answer.
import { useEffect, useRef, useState } from "preact/hooks";
import { useAsk } from "../api/ask";
import { changes } from "../api/live";
import { Providers, type Kind, type Row, Sessions as Query, type Source, type Status } from "../api/operation";
import { useMay } from "../api/viewer";
import { Ago, Empty, Icon, Pill, Skeleton } from "../part/basic";
import { Select, Text } from "../part/field";
import { Pager, type Trail } from "../part/pager";
import { Failure } from "../part/trouble";
import { narrow, place, to } from "../route";
import { kinds, many, say, statuses } from "../word";

const open: Status[] = ["DRAFT", "READY", "PENDING", "IN_PROGRESS", "PROCESSING"];
const groups: Record<string, Status[]> = {
  open,
  ended: statuses.filter((status) => !open.includes(status) && status !== "UNKNOWN"),
};
const page = 50;
const calm = 600;

export function Sessions() {
  const { query } = place.value;
  const asked = (name: string) => query.get(name) ?? "";
  const [title, setTitle] = useState(asked("title"));
  const status = asked("status");
  const [trail, setTrail] = useState<Trail>([]);
  const filter = {
    ...(asked("provider") && { providers: [asked("provider")] }),
    ...(status && { statuses: groups[status] ?? [status as Status] }),
    ...(asked("kind") && { kinds: [asked("kind") as Kind] }),
    ...(asked("title") && { titleContains: asked("title") }),
  };
  const narrowed = Object.keys(filter).length > 0;
  const { data, error, waiting, refresh } = useAsk(Query, { filter, first: page, after: trail.at(-1) ?? null });
  useMoves(refresh);
  const may = useMay("sessions:write");

  function set(name: string, value: string): void {
    setTrail([]);
    narrow({ [name]: value });
  }

  useEffect(() => {
    const timer = setTimeout(() => title !== asked("title") && set("title", title), 250);
    return () => clearTimeout(timer);
  }, [title]);

  const found = data?.sessions;
  return (
    <>
      <header class="top">
        <div>
          <h1>Sessions</h1>
          <p class="note">
            {found?.totalCount != null
              ? `${many(found.totalCount, "session")}${narrowed ? " found" : " over all providers"}`
              : " "}
          </p>
        </div>
        {may && (
          <a class="button main" href={to("sessions", "new")}>
            <Icon name="plus" />
            New session
          </a>
        )}
      </header>
      <div class="filters" role="search">
        <Text label="Title" type="search" value={title} set={setTitle} placeholder="Part of the title" />
        <ProviderChoice value={asked("provider")} set={(value) => set("provider", value)} />
        <Select
          label="Status"
          value={status}
          set={(value) => set("status", value)}
          options={[
            ["", "Any status"],
            ["open", "All open"],
            ["ended", "All ended"],
            ...statuses.map((each) => [each, say(each)] as const),
          ]}
        />
        <Select
          label="Kind"
          value={asked("kind")}
          set={(value) => set("kind", value)}
          options={[["", "Any kind"], ...kinds.map((each) => [each, say(each)] as const)]}
        />
      </div>
      {found && <Sources sources={found.sources} />}
      {error && <Failure error={error} retry={refresh} />}
      <section class="panel flush" aria-label="Sessions" aria-busy={waiting}>
        {waiting && <Skeleton lines={8} />}
        {found && found.nodes.length > 0 && <Table rows={found.nodes} />}
        {found && found.nodes.length === 0 && (
          <Empty title={narrowed ? "No session fits." : "There are no sessions yet."}>
            {narrowed ? (
              <button
                type="button"
                class="quiet"
                onClick={() => {
                  setTitle("");
                  narrow({ title: "", provider: "", status: "", kind: "" });
                }}
              >
                Show all sessions
              </button>
            ) : (
              may && <a href={to("sessions", "new")}>Create the first one</a>
            )}
          </Empty>
        )}
        {found && <Pager info={found.pageInfo} trail={trail} follow={setTrail} />}
      </section>
    </>
  );
}

/** Reads the list again soon after something moved: what moved may belong into it, or no longer. */
function useMoves(refresh: () => Promise<void>): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let first = true;
    const end = changes.subscribe(() => {
      if (!first) timer ??= setTimeout(() => ((timer = undefined), void refresh()), calm);
      first = false;
    });
    return () => {
      end();
      clearTimeout(timer);
    };
  }, [refresh]);
}

export function ProviderChoice({ value, set }: { value: string; set: (value: string) => void }) {
  const { data } = useAsk(Providers, {});
  const options = (data?.providers ?? []).map((each) => [each.name, each.displayName] as const);
  const known = !value || options.some(([name]) => name === value);
  return (
    <Select
      label="Provider"
      value={value}
      set={set}
      options={[["", "Any provider"], ...options, ...(known ? [] : [[value, value] as const])]}
    />
  );
}

const why: Record<string, string> = {
  STALE: "did not answer; its sessions are shown as they were",
  UNAVAILABLE: "does not answer",
  TIMED_OUT: "took too long to answer",
  UNAUTHORIZED: "does not let us in",
};

function Sources({ sources }: { sources: readonly Source[] }) {
  const silent = sources.filter((source) => source.outcome !== "FRESH");
  return (
    <div class="sources">
      <ul aria-label="Who answered">
        {sources.map((source) => (
          <li key={source.provider}>
            <Pill word={source.outcome} text={source.provider} />
            <span class="faint">
              {say(source.outcome).toLowerCase()}, <Ago time={source.asOf} />
            </span>
          </li>
        ))}
      </ul>
      {silent.map((source) => (
        <div class="trouble" role="status" key={source.provider}>
          <Icon name="warn" />
          <div>
            <strong>
              {source.provider} {why[source.outcome]}.
            </strong>
            <p>
              {source.problem?.message}{" "}
              {source.asOf && (
                <>
                  What is known of it is from <Ago time={source.asOf} />.
                </>
              )}
            </p>
          </div>
        </div>
      ))}
    </div>
  );
}

function Table({ rows }: { rows: readonly Row[] }) {
  return (
    <table class="rows sessions">
      <thead>
        <tr>
          <th scope="col">Status</th>
          <th scope="col">Title</th>
          <th scope="col">Provider</th>
          <th scope="col">Participants</th>
          <th scope="col">Created</th>
          <th scope="col">Known as of</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Line key={row.id} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function Line({ row }: { row: Row }) {
  const moved = useMoved(row.status + row.progress.signed);
  const people = row.participants.map((person) => person.displayName ?? person.email ?? "?");
  return (
    <tr class={moved ? "moved" : ""} data-status={row.status}>
      <td class="status">
        <Pill word={row.status} />
      </td>
      <td class="title">
        <a href={to("sessions", row.id)}>{row.title || row.key}</a>
        <small>
          {say(row.kind)}
          {row.reference && ` · ${row.reference}`}
          {row.statusReason && ` · ${row.statusReason}`}
        </small>
      </td>
      <td class="from">{row.provider.displayName}</td>
      <td class="people">
        {row.progress.required > 0 && row.kind === "SIGNING" ? (
          <>
            <Progress signed={row.progress.signed} of={row.progress.required} />
            <small>{people.join(", ")}</small>
          </>
        ) : (
          <small>{people.join(", ") || "–"}</small>
        )}
      </td>
      <td class="when">
        <Ago time={row.createdAt} />
      </td>
      <td class="fresh">
        <Ago time={row.freshness.asOf} />
        <small>{say(row.freshness.source)}</small>
      </td>
    </tr>
  );
}

export function Progress({ signed, of }: { signed: number; of: number }) {
  return (
    <span class="progress">
      <progress value={signed} max={of} aria-label="Signed" />
      {signed} of {of} signed
    </span>
  );
}

/** Whether this is another value than a moment ago. */
function useMoved(value: string): boolean {
  const before = useRef(value);
  const [moved, set] = useState(false);
  useEffect(() => {
    if (before.current === value) return;
    before.current = value;
    set(true);
    const timer = setTimeout(() => set(false), 1600);
    return () => clearTimeout(timer);
  }, [value]);
  return moved;
}
