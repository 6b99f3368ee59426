// https://github.com/enisdenjo/graphql-ws
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { CREATE, EVENTS, VIEWER, assert, assertResumesThroughCuts, createInput, runChecks, startProxy } from "./harness.mjs";

const proxy = await startProxy();
const client = (more = {}) => createClient({ url: `ws://${proxy.address}`, webSocketImpl: WebSocket, ...more });

function once(query, variables) {
  return new Promise((done, failed) => {
    let found;
    client().subscribe({ query, variables }, { next: (result) => { found = result; }, error: failed, complete: () => done(found) });
  });
}

await runChecks({
  query: async () => assert((await once(VIEWER)).data.viewer.scopes.length > 0, "no scopes"),
  mutation: async () => {
    const { data } = await once(CREATE, { input: await createInput("by graphql-ws") });
    assert(data.createSession.session.title === "by graphql-ws", JSON.stringify(data));
  },
  errors: async () => {
    const failed = await once("{ nothing }").catch((errors) => errors);
    assert(failed[0].extensions.code === "GRAPHQL_VALIDATION_FAILED", JSON.stringify(failed));
  },
  subscription: () => assertResumesThroughCuts((after, next, lost) => {
    const here = client({ retryAttempts: 0 });
    const end = here.subscribe({ query: EVENTS, variables: { after } }, {
      next: ({ data }) => next(data.sessionEvents), error: lost, complete: () => {},
    });
    return () => { end(); here.dispose(); };
  }, proxy.cut, "graphql-ws"),
});
