// https://github.com/graffle-js/graffle/tree/graphql-request
import { GraphQLClient } from "graphql-request";
import { CREATE, VIEWER, endpoint, expect, order, report } from "./world.mjs";

const client = new GraphQLClient(endpoint);

await report({
  query: async () => expect((await client.request(VIEWER)).viewer.scopes.length > 0, "no scopes"),
  "query by GET": async () => {
    const found = await new GraphQLClient(endpoint, { method: "GET", headers: { "graphql-require-preflight": "1" } }).request(VIEWER);
    expect(found.viewer.scopes.length > 0, "no scopes");
  },
  mutation: async () => {
    const data = await client.request(CREATE, { input: await order("by graphql-request") });
    expect(data.createSession.session.title === "by graphql-request", JSON.stringify(data));
  },
  errors: async () => {
    const failed = await client.request("{ nothing }").catch((error) => error);
    expect(failed.response.errors[0].extensions.code === "GRAPHQL_VALIDATION_FAILED", failed.message);
  },
});
