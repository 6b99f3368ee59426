// Lint rules of the schema: https://the-guild.dev/graphql/eslint, its sets for schemas and for Relay.
import graphql from "@graphql-eslint/eslint-plugin";

const schema = new URL("judged.graphql", import.meta.url).pathname;

export default [
  {
    files: ["**/judged.graphql"],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema } } },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      ...graphql.configs["flat/schema-recommended"].rules,
      ...graphql.configs["flat/schema-relay"].rules,
      "@graphql-eslint/require-description": [
        "error",
        {
          types: true, FieldDefinition: true, InputValueDefinition: true, EnumValueDefinition: true,
          DirectiveDefinition: true, rootField: true,
        },
      ],
      // What has an identity is a Node. What is a value, a count, a page or the answer of a mutation has none to be cached by.
      "@graphql-eslint/strict-id-in-types": "off",
      // Only what may grow without end is a connection; a session's participants, say, are a list. Each page has `nodes` too.
      "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
      // What is told in the order in which it came is read forwards.
      "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
      // archiveId is what providers call it: the id in the archive, not of what we know of it.
      "@graphql-eslint/no-typename-prefix": "off",
    },
  },
];
