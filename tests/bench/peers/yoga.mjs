// graphql-yoga on Node's own server, with graphql-jit.
import { createServer } from 'node:http';
import { useGraphQlJit } from '@envelop/graphql-jit';
import { createSchema, createYoga } from 'graphql-yoga';
import { resolvers, typeDefs } from './schema.mjs';

const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), plugins: [useGraphQlJit()], logging: false, graphiql: false });
createServer(yoga).listen(Number(process.env.PORT), '127.0.0.1');
