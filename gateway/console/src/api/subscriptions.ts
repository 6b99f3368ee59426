// Subscriptions that survive lost connections: they resume behind the last event's cursor, so that no event is missed, and
// every query on the page refetches, so that nothing stale stays. Retries back off exponentially with jitter.
import type { AnyVariables, CombinedError, TypedDocumentNode } from "@urql/core";
import { signal } from "@preact/signals";
import { client, unauthenticated } from "./client";
import { connectionEpoch, socket } from "./socket";
import { signInRequired } from "./token";
import { Events, Health, type SessionEvent } from "./operations";

const initialBackoff = 250;
const maxBackoff = 3_000;
const recentLimit = 60;
const refusedBackoff = 30_000;
const settleDelay = 800;

export interface ConnectionState {
  state: "connecting" | "live" | "lost";
  since: number;
}

/** State of the WebSocket, and since when it has it. */
export const connection = signal<ConnectionState>({ state: "connecting", since: Date.now() });

/** The latest events, newest first. */
export const recentEvents = signal<readonly SessionEvent[]>([]);

/** Number of events received since the page was loaded. */
export const eventCount = signal(0);

const listeners = new Set<(event: SessionEvent) => void>();

/** Calls back at every event. Returns the function that unsubscribes. */
export function onEvent(call: (event: SessionEvent) => void): () => void {
  listeners.add(call);
  return () => listeners.delete(call);
}

/** Retries that are scheduled; they run at once when the connection is back. */
const scheduled = new Set<() => void>();

let failedAttempts = 0;
let cursor: string | undefined;

/** Subscribes to session events and provider health for the life of the page. */
export function followEvents(): void {
  socket.on("connected", () => {
    failedAttempts = 0;
    connection.value = { state: "live", since: Date.now() };
    // A change between a query's snapshot and the start of the subscription is in neither: refetch once they have settled.
    setTimeout(() => (connectionEpoch.value += 1), settleDelay);
  });
  socket.on("connected", () => [...scheduled].forEach((subscribe) => subscribe()));
  socket.on("closed", () => {
    failedAttempts += 1;
    if (connection.peek().state !== "lost") connection.value = { state: "lost", since: Date.now() };
  });
  subscribeWithRetry(
    Events,
    () => ({ after: cursor }),
    ({ sessionEvents: event }) => receiveEvent(event),
    (error) => {
      if (!error.graphQLErrors.some((each) => each.extensions.code === "CURSOR_EXPIRED")) return false;
      cursor = undefined;
      connectionEpoch.value += 1;
      return true;
    },
  );
  subscribeWithRetry(Health, () => ({}));
}

/**
 * Subscribes, and retries after errors: with exponential backoff and jitter where the connection was lost or `recover` has
 * dealt with the error, and after half a minute where the gateway refused. Authentication errors are not retried: the
 * sign-in page takes over. Returns the function that unsubscribes for good.
 */
export function subscribeWithRetry<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: () => Variables,
  onData: (data: Data) => void = () => undefined,
  recover: (error: CombinedError) => boolean = () => false,
): () => void {
  let current: { unsubscribe: () => void } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;

  function scheduleRetry(delay: number): void {
    clearTimeout(timer);
    timer = setTimeout(subscribe, delay * (0.75 + Math.random() / 2));
    scheduled.add(subscribe);
  }

  function subscribe(): void {
    clearTimeout(timer);
    scheduled.delete(subscribe);
    if (stopped || signInRequired.peek()) return;
    current?.unsubscribe();
    current = client.subscription(document, variables()).subscribe(({ data, error }) => {
      if (data) onData(data);
      if (!error) return;
      if (unauthenticated(error)) return;
      if (!error.graphQLErrors.length || recover(error))
        scheduleRetry(Math.min(initialBackoff * 2 ** failedAttempts, maxBackoff));
      else scheduleRetry(refusedBackoff);
    });
  }

  subscribe();
  return () => {
    stopped = true;
    clearTimeout(timer);
    scheduled.delete(subscribe);
    current?.unsubscribe();
  };
}

function receiveEvent(event: SessionEvent): void {
  cursor = event.cursor;
  recentEvents.value = [event, ...recentEvents.peek()].slice(0, recentLimit);
  eventCount.value += 1;
  for (const call of [...listeners]) call(event);
}
