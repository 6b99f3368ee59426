// https://github.com/urql-graphql/urql: short queries go by GET, and every Accept lists text/event-stream
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { CREATE, EVENTS, UPLOAD, VIEWER, endpoint, expect, follows, order, pdf, report, way } from "./world.mjs";

const path = await way();
const methods = [];
const client = (sockets) => new Client({
  url: endpoint,
  exchanges: [fetchExchange, subscriptionExchange({
    forwardSubscription: ({ query, variables }) => ({
      subscribe: (sink) => ({ unsubscribe: sockets.subscribe({ query, variables }, sink) }),
    }),
  })],
  fetchOptions: { headers: { "graphql-require-preflight": "1" } },
  fetch: (url, options) => { methods.push(options.method); return fetch(url, options); },
  preferGetMethod: true,
});
const ws = () => createClient({ url: `ws://${path.address}`, webSocketImpl: WebSocket, retryAttempts: 0 });
const plain = client(ws());

await report({
  query: async () => {
    const { data, error } = await plain.query(VIEWER, {}).toPromise();
    expect(!error && data.viewer.scopes.length > 0 && methods.at(-1) === "GET", `${error} ${methods}`);
  },
  mutation: async () => {
    const { data, error } = await plain.mutation(CREATE, { input: await order("by urql") }).toPromise();
    expect(!error && data.createSession.session.title === "by urql", `${error}`);
  },
  upload: async () => {
    const file = await pdf();
    const { data, error } = await plain.mutation(UPLOAD, { file }).toPromise();
    expect(!error && data.uploadFile.upload.sizeBytes === file.size, `${error} ${JSON.stringify(data)}`);
  },
  errors: async () => {
    const { error } = await plain.query("{ nothing }", {}).toPromise();
    expect(error.graphQLErrors[0].extensions.code === "GRAPHQL_VALIDATION_FAILED", `${error}`);
  },
  subscription: () => follows((after, next, lost) => {
    const sockets = ws();
    const { unsubscribe } = client(sockets).subscription(EVENTS, { after }).subscribe(({ data, error }) => {
      if (error) lost();
      else if (data) next(data.sessionEvents);
    });
    return () => { unsubscribe(); sockets.dispose(); };
  }, path.cut, "urql"),
});
