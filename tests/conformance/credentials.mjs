// Credentials that end, and credentials that never hold, at the stock clients with their own rules for retries.
import { ApolloClient, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import { createClient as createEventClient } from "graphql-sse";
import WebSocket from "ws";
import { EVENTS, address, endpoint, expect, happen, report, settles } from "./world.mjs";

const [name, issuer] = process.argv.slice(4);
const url = `${address.replace("http", "ws")}/graphql`;
const soon = () => new Promise((done) => setTimeout(done, 50));
const make = (ask, closed) => createClient({
  url, webSocketImpl: WebSocket, connectionParams: async () => ({ Authorization: await ask() }), retryWait: soon, on: { closed },
});

/** Follows events with a client; ``ask`` gives credentials, ``closed`` is told how each connection ended. */
const clients = {
  "graphql-ws": (ask, closed, next, failed) => {
    make(ask, closed).subscribe({ query: EVENTS }, { next: ({ data }) => next(data), error: failed, complete: () => {} });
  },
  Apollo: (ask, closed, next, failed) => {
    const client = new ApolloClient({ cache: new InMemoryCache(), link: new GraphQLWsLink(make(ask, closed)) });
    const told = ({ data, error }) => (error ? failed(error) : next(data));
    client.subscribe({ query: gql(EVENTS) }).subscribe({ next: told, error: failed });
  },
  "graphql-sse": (ask, closed, next, failed) => {
    const client = createEventClient({ url: endpoint, headers: async () => ({ Authorization: await ask() }), retry: soon });
    client.subscribe({ query: EVENTS }, { next: ({ data }) => next(data), error: failed, complete: () => failed("completed") });
  },
};

function followed(ask) {
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

async function comes_back(first) {
  const seen = followed((time) => token(time === 0 ? first : 600));
  await settles(() => seen.asked >= 2, () => `asked ${seen.asked} times: ${JSON.stringify(seen)}`);
  while (seen.events.length === 0) {
    await happen(`behind the end of ${name}`);
    await new Promise((done) => setTimeout(done, 200));
  }
  expect(seen.failures.length === 0, JSON.stringify(seen.failures));
  expect(seen.asked === 2, `asked ${seen.asked} times`);
  return seen.codes.join();
}

await report({
  "credentials that end": () => comes_back(2),
  "credentials that have ended": () => comes_back(-5),
  ...(name === "graphql-sse" ? {} : {
    "credentials that are forged": async () => {
      const seen = followed(() => "a.b.c");
      await settles(() => seen.failures.length > 0, () => `no end behind ${seen.codes}`);
      expect(seen.asked === 1, `asked ${seen.asked} times, closed with ${seen.codes}`);
      return seen.codes.join();
    },
  }),
});
