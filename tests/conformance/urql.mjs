// https://github.com/urql-graphql/urql: short queries go by GET, and every Accept lists text/event-stream
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { CREATE, EVENTS, UPLOAD, VIEWER, assert, assertResumesThroughCuts, createInput, endpoint, readPdf, runChecks, startProxy } from "./harness.mjs";

const proxy = await startProxy();
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
const ws = () => createClient({ url: `ws://${proxy.address}`, webSocketImpl: WebSocket, retryAttempts: 0 });
const plain = client(ws());

await runChecks({
  query: async () => {
    const { data, error } = await plain.query(VIEWER, {}).toPromise();
    assert(!error && data.viewer.scopes.length > 0 && methods.at(-1) === "GET", `${error} ${methods}`);
  },
  mutation: async () => {
    const { data, error } = await plain.mutation(CREATE, { input: await createInput("by urql") }).toPromise();
    assert(!error && data.createSession.session.title === "by urql", `${error}`);
  },
  upload: async () => {
    const file = await readPdf();
    const { data, error } = await plain.mutation(UPLOAD, { file }).toPromise();
    assert(!error && data.uploadFile.upload.sizeBytes === file.size, `${error} ${JSON.stringify(data)}`);
  },
  errors: async () => {
    const { error } = await plain.query("{ nothing }", {}).toPromise();
    assert(error.graphQLErrors[0].extensions.code === "GRAPHQL_VALIDATION_FAILED", `${error}`);
  },
  subscription: () => assertResumesThroughCuts((after, next, lost) => {
    const sockets = ws();
    const { unsubscribe } = client(sockets).subscription(EVENTS, { after }).subscribe(({ data, error }) => {
      if (error) lost();
      else if (data) next(data.sessionEvents);
    });
    return () => { unsubscribe(); sockets.dispose(); };
  }, proxy.cut, "urql"),
});
