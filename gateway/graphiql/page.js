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
    name kind environment health { state } credentials { state }
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

const comparison = `# The same figures for every provider over the same window: calls, sessions, and how late changes are seen.
query Comparison {
  comparison(window: "P1D") {
    from to
    providers {
      provider { name health { state circuit } sync { strategy lagMs } }
      requests failures failureRate availability
      latency { samples p50Ms p90Ms p99Ms maxMs }
      operations { operation requests failures latency { p50Ms p99Ms } }
      sessions { created completed declined canceled expired failed open completionRate timeToComplete { samples p50 p90 } }
      statusLag { samples p50Ms p90Ms }
      unknownStatuses
      slices(count: 24) { from requests failureRate latency { p50Ms p99Ms } }
    }
  }
}
`;

const explained = `# Why a session is as it is: each native field, what became of it, and by which rule. Put the id of a session in.
query Explained($id: ID!) {
  explainSession(id: $id) {
    session { title status providerStatus }
    rules { native nativeValue field value rule }
    unmapped
  }
}
`;

const eligible = `# Who could carry out this order, and why the others could not. Calls no provider.
query Eligible {
  eligibleProviders(
    input: { provider: "", title: "Lease of the north field", participants: [{ firstName: "Ada", lastName: "Lovelace", email: "ada@people.example" }] }
  ) {
    provider { name }
    eligible
    problems { code message path }
  }
}
`;

const live = `# How providers are, now and whenever that changes.
subscription Live {
  providerHealth { name health { state circuit lastFailureAt problem { code message } } credentials { state } }
}
`;

const queries = [sessions, providers, signatures, events, comparison, explained, eligible, live];

const subscriptionUrl = `${location.protocol.replace("http", "ws")}//${location.host}/graphql`;

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: "/graphql", subscriptionUrl }),
    defaultTabs: queries.map((query) => ({ query })),
    shouldPersistHeaders: false,
  }),
);
