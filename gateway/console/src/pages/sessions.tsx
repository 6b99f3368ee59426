// Sessions page: a live, filtered list over all providers, newest first, with a report of the sources that did not answer.
import { useEffect, useRef, useState } from "preact/hooks";
import { useQuery } from "../api/query";
import { eventCount } from "../api/subscriptions";
import { Providers, type Kind, type Row, Sessions as Query, type Source, type Status } from "../api/operations";
import { useScope } from "../api/viewer";
import { RelativeTime, EmptyState, Icon, StatusBadge, Skeleton } from "../components/primitives";
import { SelectField, TextField } from "../components/form-fields";
import { Pagination, type CursorStack } from "../components/pagination";
import { QueryError } from "../components/problem-list";
import { replaceQuery, route, href } from "../route";
import { pluralize } from "../format";
import { kinds, labelFor, statuses } from "../labels";

const openStatuses: Status[] = ["DRAFT", "READY", "PENDING", "IN_PROGRESS", "PROCESSING"];
const statusGroups: Record<string, Status[]> = {
  open: openStatuses,
  ended: statuses.filter((status) => !openStatuses.includes(status) && status !== "UNKNOWN"),
};
const pageSize = 50;
const refreshDelay = 600;

export function SessionsPage() {
  const { query } = route.value;
  const filterValue = (name: string) => query.get(name) ?? "";
  const [title, setTitle] = useState(filterValue("title"));
  const status = filterValue("status");
  const [cursors, setCursors] = useState<CursorStack>([]);
  const filter = {
    ...(filterValue("provider") && { providers: [filterValue("provider")] }),
    ...(status && { statuses: statusGroups[status] ?? [status as Status] }),
    ...(filterValue("kind") && { kinds: [filterValue("kind") as Kind] }),
    ...(filterValue("title") && { titleContains: filterValue("title") }),
  };
  const filtered = Object.keys(filter).length > 0;
  const { data, error, loading, refresh } = useQuery(Query, { filter, first: pageSize, after: cursors.at(-1) ?? null });
  useRefreshOnEvents(refresh);
  const canCreate = useScope("sessions:write");

  function setFilter(name: string, value: string): void {
    setCursors([]);
    replaceQuery({ [name]: value });
  }

  useEffect(() => {
    const timer = setTimeout(() => title !== filterValue("title") && setFilter("title", title), 250);
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only typing debounces, not a change of the route
  }, [title]);

  const sessions = data?.sessions;
  return (
    <>
      <header class="top">
        <div>
          <h1>Sessions</h1>
          <p class="note">
            {sessions?.totalCount != null
              ? `${pluralize(sessions.totalCount, "session")}${filtered ? " found" : " over all providers"}`
              : " "}
          </p>
        </div>
        {canCreate && (
          <a class="button main" href={href("sessions", "new")}>
            <Icon name="plus" />
            New session
          </a>
        )}
      </header>
      <div class="filters" role="search">
        <TextField label="Title" type="search" value={title} onChange={setTitle} placeholder="Part of the title" />
        <ProviderSelect value={filterValue("provider")} onChange={(value) => setFilter("provider", value)} />
        <SelectField
          label="Status"
          value={status}
          onChange={(value) => setFilter("status", value)}
          options={[
            ["", "Any status"],
            ["open", "All open"],
            ["ended", "All ended"],
            ...statuses.map((each) => [each, labelFor(each)] as const),
          ]}
        />
        <SelectField
          label="Kind"
          value={filterValue("kind")}
          onChange={(value) => setFilter("kind", value)}
          options={[["", "Any kind"], ...kinds.map((each) => [each, labelFor(each)] as const)]}
        />
      </div>
      {sessions && <SourceReports sources={sessions.sources} />}
      {error && <QueryError error={error} onRetry={refresh} />}
      <section class="panel flush" aria-label="Sessions" aria-busy={loading}>
        {loading && <Skeleton lines={8} />}
        {sessions && sessions.nodes.length > 0 && <SessionTable rows={sessions.nodes} />}
        {sessions?.nodes.length === 0 && (
          <EmptyState title={filtered ? "No session fits." : "There are no sessions yet."}>
            {filtered ? (
              <button
                type="button"
                class="quiet"
                onClick={() => {
                  setTitle("");
                  replaceQuery({ title: "", provider: "", status: "", kind: "" });
                }}
              >
                Show all sessions
              </button>
            ) : (
              canCreate && <a href={href("sessions", "new")}>Create the first one</a>
            )}
          </EmptyState>
        )}
        {sessions && <Pagination pageInfo={sessions.pageInfo} cursors={cursors} onChange={setCursors} />}
      </section>
    </>
  );
}

/** Refetches the list shortly after events, as a changed session may enter or leave the filter. Bursts cause one refetch. */
function useRefreshOnEvents(refresh: () => Promise<void>): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let first = true;
    const unsubscribe = eventCount.subscribe(() => {
      if (!first) timer ??= setTimeout(() => ((timer = undefined), void refresh()), refreshDelay);
      first = false;
    });
    return () => {
      unsubscribe();
      clearTimeout(timer);
    };
  }, [refresh]);
}

export function ProviderSelect({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { data } = useQuery(Providers, {});
  const options = (data?.providers ?? []).map((each) => [each.name, each.displayName] as const);
  const listed = !value || options.some(([name]) => name === value);
  return (
    <SelectField
      label="Provider"
      value={value}
      onChange={onChange}
      options={[["", "Any provider"], ...options, ...(listed ? [] : [[value, value] as const])]}
    />
  );
}

const outcomeReasons: Record<string, string> = {
  STALE: "did not answer; its sessions are shown as they were",
  UNAVAILABLE: "does not answer",
  TIMED_OUT: "took too long to answer",
  UNAUTHORIZED: "does not let us in",
};

function SourceReports({ sources }: { sources: readonly Source[] }) {
  const unanswered = sources.filter((source) => source.outcome !== "FRESH");
  return (
    <div class="sources">
      <ul aria-label="Who answered">
        {sources.map((source) => (
          <li key={source.provider}>
            <StatusBadge value={source.outcome} text={source.provider} />
            <span class="faint">
              {labelFor(source.outcome).toLowerCase()}, <RelativeTime time={source.asOf} />
            </span>
          </li>
        ))}
      </ul>
      {unanswered.map((source) => (
        <div class="trouble" role="status" key={source.provider}>
          <Icon name="warn" />
          <div>
            <strong>
              {source.provider} {outcomeReasons[source.outcome]}.
            </strong>
            <p>
              {source.problem?.message}{" "}
              {source.asOf && (
                <>
                  What is known of it is from <RelativeTime time={source.asOf} />.
                </>
              )}
            </p>
          </div>
        </div>
      ))}
    </div>
  );
}

function SessionTable({ rows }: { rows: readonly Row[] }) {
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
          <SessionTableRow key={row.id} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function SessionTableRow({ row }: { row: Row }) {
  const changed = useRecentlyChanged(`${row.status} ${row.progress.signed}`);
  const names = row.participants.map((person) => person.displayName ?? person.email ?? "?");
  return (
    <tr class={changed ? "moved" : ""} data-status={row.status}>
      <td class="status">
        <StatusBadge value={row.status} />
      </td>
      <td class="title">
        <a href={href("sessions", row.id)}>{row.title || row.key}</a>
        <small>
          {labelFor(row.kind)}
          {row.reference && ` · ${row.reference}`}
          {row.statusReason && ` · ${row.statusReason}`}
        </small>
      </td>
      <td class="from">{row.provider.displayName}</td>
      <td class="people">
        {row.progress.required > 0 && row.kind === "SIGNING" ? (
          <>
            <Progress signed={row.progress.signed} of={row.progress.required} />
            <small>{names.join(", ")}</small>
          </>
        ) : (
          <small>{names.join(", ") || "–"}</small>
        )}
      </td>
      <td class="when">
        <RelativeTime time={row.createdAt} />
      </td>
      <td class="fresh">
        <RelativeTime time={row.freshness.asOf} />
        <small>{labelFor(row.freshness.source)}</small>
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

/** Whether a value has changed within the last 1.6 seconds, for the highlight of a row. */
function useRecentlyChanged(value: string): boolean {
  const previous = useRef(value);
  const [changed, setChanged] = useState(false);
  useEffect(() => {
    if (previous.current === value) return;
    previous.current = value;
    setChanged(true);
    const timer = setTimeout(() => setChanged(false), 1600);
    return () => clearTimeout(timer);
  }, [value]);
  return changed;
}
