// The one WebSocket, with heartbeats. It does not reconnect by itself: the subscriptions do, as each knows its cursor.
import { createClient } from "graphql-ws";
import { signal } from "@preact/signals";
import { authorizationHeader, signInRequired, token } from "./token";

const pingInterval = 10_000;
const pongTimeout = 5_000;
const unauthorizedCodes = new Set([4401, 4403]);

/** Epoch of the connection, raised at each reconnect: data of an earlier epoch may be stale. */
export const connectionEpoch = signal(0);

let pongTimer: ReturnType<typeof setTimeout> | undefined;
let openSocket: WebSocket | undefined;

export const socket = createClient({
  url: () => `${location.protocol.replace("http", "ws")}//${location.host}/graphql`,
  retryAttempts: 0,
  lazyCloseTimeout: 1_000,
  keepAlive: pingInterval,
  connectionParams: authorizationHeader,
  onNonLazyError: () => undefined,
  on: {
    opened: (opened) => (openSocket = opened as WebSocket),
    connected: () => (connectionEpoch.value += 1),
    ping: (received) => {
      if (!received) pongTimer = setTimeout(() => openSocket?.close(4408, "No answer to a ping"), pongTimeout);
    },
    pong: (received) => {
      if (received) clearTimeout(pongTimer);
    },
    closed: (event) => {
      clearTimeout(pongTimer);
      const code = (event as CloseEvent).code;
      if (unauthorizedCodes.has(code) && (code === 4401 || token() !== null)) signInRequired.value = true;
    },
  },
});
