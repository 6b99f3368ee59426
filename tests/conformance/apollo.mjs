// https://github.com/apollographql/apollo-client
import { ApolloClient, ApolloLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import UploadHttpLink from "apollo-upload-client/UploadHttpLink.mjs";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { CREATE, EVENTS, UPLOAD, VIEWER, assert, assertResumesThroughCuts, createInput, endpoint, readPdf, runChecks, startProxy } from "./harness.mjs";

const proxy = await startProxy();
const ws = () => createClient({ url: `ws://${proxy.address}`, webSocketImpl: WebSocket, retryAttempts: 0 });
const client = (sockets) => new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(sockets),
    new UploadHttpLink({ uri: endpoint, headers: { "apollo-require-preflight": "true" } }),
  ),
});
const plain = client(ws());

await runChecks({
  query: async () => assert((await plain.query({ query: gql(VIEWER) })).data.viewer.scopes.length > 0, "no scopes"),
  mutation: async () => {
    const { data } = await plain.mutate({ mutation: gql(CREATE), variables: { input: await createInput("by Apollo") } });
    assert(data.createSession.session.title === "by Apollo", JSON.stringify(data));
  },
  upload: async () => {
    const file = await readPdf();
    const { data } = await plain.mutate({ mutation: gql(UPLOAD), variables: { file } });
    assert(data.uploadFile.upload.sizeBytes === file.size, JSON.stringify(data));
  },
  errors: async () => {
    const failed = await plain.query({ query: gql("{ nothing }") }).catch((error) => error);
    assert(/nothing/.test(failed.message), failed.message);
  },
  subscription: () => assertResumesThroughCuts((after, next, lost) => {
    const sockets = ws();
    const here = client(sockets);
    const running = here.subscribe({ query: gql(EVENTS), variables: { after } }).subscribe({
      next: ({ data, error }) => (error ? lost() : next(data.sessionEvents)), error: lost,
    });
    return () => { running.unsubscribe(); sockets.dispose(); here.stop(); };
  }, proxy.cut, "Apollo"),
});
