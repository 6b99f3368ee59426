// Composes the two APIs into the supergraph that Hive Gateway serves.
import { defineConfig } from '@graphql-mesh/compose-cli';
import { loadOpenAPISubgraph } from '@omnigraph/openapi';

const api = (name, token) => ({
  sourceHandler: loadOpenAPISubgraph(name, {
    source: `./hive/${name}.json`,
    endpoint: process.env.UPSTREAM,
    operationHeaders: { authorization: `Bearer ${token}` },
  }),
});

export const composeConfig = defineConfig({
  subgraphs: [api('signicat', process.env.SIGNICAT_TOKEN), api('easyink', process.env.EASYINK_TOKEN)],
});
