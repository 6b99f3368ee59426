// Reauthentication of stock clients: they reconnect with new credentials after expiry, and give up on invalid ones.
import { ApolloClient, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import { createClient as createEventClient } from "graphql-sse";
import WebSocket from "ws";
import { EVENTS, address, assert, createSession, endpoint, runChecks, waitUntil } from "./harness.mjs";

const [name, issuer] = process.argv.slice(4);
const url = `${address.replace("http", "ws")}/graphql`;
const soon = () => new Promise((done) => setTimeout(done, 50));
const make = (ask, closed) => createClient({
  url, webSocketImpl: WebSocket, connectionParams: async () => ({ Authorization: await ask() }), retryWait: soon, on: { closed },
});

/** Subscribes to events by client; `ask` supplies credentials, `closed` receives each close event. */
const clients = {
  "graphql-ws": (ask, closed, next, failed) => {
    make(ask, closed).subscribe({ query: EVENTS }, { next: ({ data }) => next(data), error: failed, complete: () => {} });
  },
  Apollo: (ask, closed, next, failed) => {
    const client = new ApolloClient({ cache: new InMemoryCache(), link: new GraphQLWsLink(make(ask, closed)) });
    const handle = ({ data, error }) => (error ? failed(error) : next(data));
    client.subscribe({ query: gql(EVENTS) }).subscribe({ next: handle, error: failed });
  },
  "graphql-sse": (ask, closed, next, failed) => {
    const client = createEventClient({ url: endpoint, headers: async () => ({ Authorization: await ask() }), retry: soon });
    client.subscribe({ query: EVENTS }, { next: ({ data }) => next(data), error: failed, complete: () => failed("completed") });
  },
};

function observe(ask) {
  const seen = { asked: 0, codes: [], events: [], failures: [] };
  clients[name](
    async () => `Bearer ${await ask(seen.asked++)}`,
    (event) => seen.codes.push(event.code),
    (data) => seen.events.push(data.sessionEvents),
    (failure) => seen.failures.push(failure),
  );
  return seen;
}

const token = async (lasting) => (await fetch(`${issuer}?lasting=${lasting}`)).text();

async function assertReconnects(first) {
  const seen = observe((time) => token(time === 0 ? first : 600));
  await waitUntil(() => seen.asked >= 2, () => `asked ${seen.asked} times: ${JSON.stringify(seen)}`);
  while (seen.events.length === 0) {
    await createSession(`behind the end of ${name}`);
    await new Promise((done) => setTimeout(done, 200));
  }
  assert(seen.failures.length === 0, JSON.stringify(seen.failures));
  assert(seen.asked === 2, `asked ${seen.asked} times`);
  return seen.codes.join();
}

await runChecks({
  "credentials that end": () => assertReconnects(2),
  "credentials that have ended": () => assertReconnects(-5),
  ...(name === "graphql-sse" ? {} : {
    "credentials that are forged": async () => {
      const seen = observe(() => "a.b.c");
      await waitUntil(() => seen.failures.length > 0, () => `no end behind ${seen.codes}`);
      assert(seen.asked === 1, `asked ${seen.asked} times, closed with ${seen.codes}`);
      return seen.codes.join();
    },
  }),
});
