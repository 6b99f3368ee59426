// https://github.com/enisdenjo/graphql-sse, distinct connections mode
import { createClient } from "graphql-sse";
import { CREATE, EVENTS, VIEWER, assert, assertResumesThroughCuts, createInput, runChecks, startProxy } from "./harness.mjs";

const proxy = await startProxy();
const client = createClient({ url: `http://${proxy.address}`, retryAttempts: 0 });

function once(query, variables) {
  return new Promise((done, failed) => {
    let found;
    client.subscribe({ query, variables }, { next: (result) => { found = result; }, error: failed, complete: () => done(found) });
  });
}

await runChecks({
  query: async () => assert((await once(VIEWER)).data.viewer.scopes.length > 0, "no scopes"),
  mutation: async () => {
    const { data } = await once(CREATE, { input: await createInput("by graphql-sse") });
    assert(data.createSession.session.title === "by graphql-sse", JSON.stringify(data));
  },
  subscription: () => assertResumesThroughCuts((after, next, lost) => client.subscribe({ query: EVENTS, variables: { after } }, {
    next: ({ data }) => next(data.sessionEvents), error: lost, complete: () => {},
  }), proxy.cut, "graphql-sse"),
});
