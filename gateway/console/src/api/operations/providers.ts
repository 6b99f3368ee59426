// Queries of providers, their health, counts and authorization, and of the viewer.
import { graphql, type ResultOf } from "../graphql";
import { ProblemDetail } from "./problems";

export const ProviderState = graphql(
  `
    fragment ProviderState on Provider {
      id
      name
      displayName
      kind
      environment
      sessionKind
      health {
        state
        circuit
        lastSuccessAt
        lastFailureAt
        problem {
          ...ProblemDetail
        }
      }
      credentials {
        state
        expiresAt
        note
      }
      sync {
        strategy
        lastSyncAt
        lagMs
        openSessions
      }
    }
  `,
  [ProblemDetail],
);

export const Providers = graphql(
  `
    query Providers {
      providers {
        ...ProviderState
        capabilities {
          operation
          support
          note
        }
        limits {
          name
          value
          unit
        }
        optionsSchema
      }
    }
  `,
  [ProviderState],
);

export const Counts = graphql(`
  query Counts($name: String!) {
    provider(name: $name) {
      id
      sessionCounts {
        byStatus {
          status
          count
        }
        toSign
        needsAction
        asOf
        native
      }
    }
  }
`);

export const Health = graphql(
  `
    subscription Health {
      providerHealth {
        ...ProviderState
      }
    }
  `,
  [ProviderState],
);

export const WhoAmI = graphql(`
  query WhoAmI {
    viewer {
      id
      subject
      scopes
      providers
    }
  }
`);

export const BeginAuthorization = graphql(
  `
    mutation BeginAuthorization($provider: String!) {
      result: beginAuthorization(provider: $provider) {
        url
        state
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [ProblemDetail],
);

export const CompleteAuthorization = graphql(
  `
    mutation CompleteAuthorization($provider: String!, $code: String!, $state: String!) {
      result: completeAuthorization(provider: $provider, code: $code, state: $state) {
        provider {
          ...ProviderState
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [ProviderState, ProblemDetail],
);

export type Provider = ResultOf<typeof Providers>["providers"][number];
export type Operation = Provider["capabilities"][number]["operation"];
