"use strict";

const sessions = `# Every session of every provider, newest first, and which provider did not answer.
query Sessions {
  sessions(first: 20) {
    nodes { id title status provider { name } participants { displayName status } freshness { ageMs source } }
    sources { provider outcome problem { code message } }
  }
}
`;

const providers = `# What each provider can do, and how it is.
query Providers {
  providers {
    name kind environment health { state } connection { state }
    capabilities { operation support note }
  }
}
`;

const signatures = `# Who signed, read and checked by the gateway itself.
query Signatures {
  signatures(first: 10) {
    nodes {
      provider { name } format version
      certificate { commonName issuer }
      verification { status reason coversWholeDocument }
      download { url expiresAt }
    }
  }
}
`;

const events = `# Everything that happens, as it happens. Give a cursor as after to continue behind it.
subscription Events {
  sessionEvents { cursor type from to observedAt session { id title status provider { name } } }
}
`;

const subscriptionUrl = `${location.protocol.replace("http", "ws")}//${location.host}/graphql`;

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: "/graphql", subscriptionUrl }),
    defaultTabs: [sessions, providers, signatures, events].map((query) => ({ query })),
    shouldPersistHeaders: false,
  }),
);
