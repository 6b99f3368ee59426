// Follows what happens. After a lost connection every event since the last one that was seen is asked for, so none is missed,
// and all that is shown is read again, so nothing stale stays.
import type { AnyVariables, CombinedError, TypedDocumentNode } from "@urql/core";
import { signal } from "@preact/signals";
import { client, unauthenticated } from "./client";
import { connected, socket } from "./socket";
import { refused } from "./token";
import { Events, Health, type SessionEvent } from "./operation";

const soonest = 250;
const latest = 3_000;
const kept = 60;
const refusal = 30_000;
const settling = 800;

export type Link = { state: "connecting" | "live" | "lost"; since: number };

/** How the connection is. */
export const link = signal<Link>({ state: "connecting", since: Date.now() });

/** The newest events, newest first. */
export const recent = signal<readonly SessionEvent[]>([]);

/** Counts events. */
export const changes = signal(0);

const listeners = new Set<(event: SessionEvent) => void>();

/** Calls at every event. Gives what ends that. */
export function onEvent(call: (event: SessionEvent) => void): () => void {
  listeners.add(call);
  return () => listeners.delete(call);
}

/** Who would subscribe again later, and does so at once when the connection is back. */
const waiting = new Set<() => void>();

let attempt = 0;
let after: string | undefined;

/** Begins to follow, for as long as the page is there. */
export function follow(): void {
  socket.on("connected", () => {
    attempt = 0;
    link.value = { state: "live", since: Date.now() };
    // What happened between a read and the beginning of the subscription belongs to neither: all is read once more.
    setTimeout(() => (connected.value += 1), settling);
  });
  socket.on("connected", () => [...waiting].forEach((begin) => begin()));
  socket.on("closed", () => {
    attempt += 1;
    if (link.peek().state !== "lost") link.value = { state: "lost", since: Date.now() };
  });
  again(
    Events,
    () => ({ after }),
    ({ sessionEvents: event }) => take(event),
    (error) => {
      if (!error.graphQLErrors.some((each) => each.extensions.code === "CURSOR_EXPIRED")) return false;
      after = undefined;
      connected.value += 1;
      return true;
    },
  );
  again(Health, () => ({}));
}

/**
 * Subscribes, and does so again whenever that fails: soon where the connection was lost, late where it was refused, and at
 * once where what stood in the way is `mended`. Gives what ends it for good.
 */
export function again<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: () => Variables,
  next: (data: Data) => void = () => undefined,
  mended: (error: CombinedError) => boolean = () => false,
): () => void {
  let current: { unsubscribe: () => void } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;

  function later(wait: number): void {
    clearTimeout(timer);
    timer = setTimeout(begin, wait * (0.75 + Math.random() / 2));
    waiting.add(begin);
  }

  function begin(): void {
    clearTimeout(timer);
    waiting.delete(begin);
    if (over || refused.peek()) return;
    current?.unsubscribe();
    current = client.subscription(document, variables()).subscribe(({ data, error }) => {
      if (data) next(data);
      if (!error) return;
      if (unauthenticated(error)) return;
      if (!error.graphQLErrors.length || mended(error)) later(Math.min(soonest * 2 ** attempt, latest));
      else later(refusal);
    });
  }

  begin();
  return () => {
    over = true;
    clearTimeout(timer);
    waiting.delete(begin);
    current?.unsubscribe();
  };
}

function take(event: SessionEvent): void {
  after = event.cursor;
  recent.value = [event, ...recent.peek()].slice(0, kept);
  changes.value += 1;
  for (const call of [...listeners]) call(event);
}
