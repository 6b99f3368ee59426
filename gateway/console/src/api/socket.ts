// The one WebSocket. It does not come back by itself: whoever follows something says where to go on.
import { createClient } from "graphql-ws";
import { signal } from "@preact/signals";
import { authorization, refused, token } from "./token";

const beat = 10_000;
const patience = 5_000;
const unauthorized = new Set([4401, 4403]);

/** How often there has been a connection: what was read under an earlier one may be out of date. */
export const connected = signal(0);

let silence: ReturnType<typeof setTimeout> | undefined;
let open: WebSocket | undefined;

export const socket = createClient({
  url: () => `${location.protocol.replace("http", "ws")}//${location.host}/graphql`,
  retryAttempts: 0,
  lazyCloseTimeout: 1_000,
  keepAlive: beat,
  connectionParams: authorization,
  onNonLazyError: () => undefined,
  on: {
    opened: (made) => (open = made as WebSocket),
    connected: () => (connected.value += 1),
    ping: (received) => {
      if (!received) silence = setTimeout(() => open?.close(4408, "No answer to a ping"), patience);
    },
    pong: (received) => {
      if (received) clearTimeout(silence);
    },
    closed: (event) => {
      clearTimeout(silence);
      const code = (event as CloseEvent).code;
      if (unauthorized.has(code) && (code === 4401 || token() !== null)) refused.value = true;
    },
  },
});
