// https://github.com/graffle-js/graffle/tree/graphql-request
import { GraphQLClient } from "graphql-request";
import { CREATE, VIEWER, assert, createInput, endpoint, runChecks } from "./harness.mjs";

const client = new GraphQLClient(endpoint);

await runChecks({
  query: async () => assert((await client.request(VIEWER)).viewer.scopes.length > 0, "no scopes"),
  "query by GET": async () => {
    const found = await new GraphQLClient(endpoint, { method: "GET", headers: { "graphql-require-preflight": "1" } }).request(VIEWER);
    assert(found.viewer.scopes.length > 0, "no scopes");
  },
  mutation: async () => {
    const data = await client.request(CREATE, { input: await createInput("by graphql-request") });
    assert(data.createSession.session.title === "by graphql-request", JSON.stringify(data));
  },
  errors: async () => {
    const failed = await client.request("{ nothing }").catch((error) => error);
    assert(failed.response.errors[0].extensions.code === "GRAPHQL_VALIDATION_FAILED", failed.message);
  },
});
