// https://github.com/enisdenjo/graphql-sse, distinct connections mode
import { createClient } from "graphql-sse";
import { CREATE, EVENTS, VIEWER, expect, follows, order, report, way } from "./world.mjs";

const path = await way();
const client = createClient({ url: `http://${path.address}`, retryAttempts: 0 });

function once(query, variables) {
  return new Promise((done, failed) => {
    let found;
    client.subscribe({ query, variables }, { next: (result) => { found = result; }, error: failed, complete: () => done(found) });
  });
}

await report({
  query: async () => expect((await once(VIEWER)).data.viewer.scopes.length > 0, "no scopes"),
  mutation: async () => {
    const { data } = await once(CREATE, { input: await order("by graphql-sse") });
    expect(data.createSession.session.title === "by graphql-sse", JSON.stringify(data));
  },
  subscription: () => follows((after, next, lost) => client.subscribe({ query: EVENTS, variables: { after } }, {
    next: ({ data }) => next(data.sessionEvents), error: lost, complete: () => {},
  }), path.cut, "graphql-sse"),
});
