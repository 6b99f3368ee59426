// GraphQL client with a normalized cache: an event that names a session updates every row that shows it.
import { Client, type CombinedError, fetchExchange, mapExchange, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { socket } from "./socket";
import { authorizationHeader, signInRequired } from "./token";

/** Types without an identity of their own, which the cache embeds in their parents. */
const embeddedTypes = [
  "Archive", "Capability", "Certificate", "Comparison", "Connection", "DeletePayload", "DocumentPayload", "Download",
  "DurationStats", "Eligibility", "Freshness", "Health", "Latency", "Limit", "MappingReport", "MappingRule", "OperationMetrics",
  "PageInfo", "ParticipantPayload", "Problem", "Progress", "ProviderMetrics", "SessionConnection", "SessionCounts",
  "SessionEventConnection", "SessionMetrics", "SessionPayload", "SourceReport", "StatusCount", "Sync", "Timestamp",
  "Verification", "WebhookDeliveryConnection", "WebhookDeliveryPayload",
]; // prettier-ignore

const authenticationErrors = new Set(["UNAUTHENTICATED", "CREDENTIALS_EXPIRED"]);

/** Whether an error says that credentials are missing, invalid or expired. */
export function unauthenticated(error: CombinedError): boolean {
  const status = (error.response as Response | undefined)?.status;
  return status === 401 || error.graphQLErrors.some((each) => authenticationErrors.has(each.extensions.code as string));
}

export const client = new Client({
  url: "/graphql",
  preferGetMethod: false,
  requestPolicy: "cache-and-network",
  fetchOptions: () => ({ headers: authorizationHeader(), credentials: "same-origin" }),
  exchanges: [
    mapExchange({
      onError: (error) => {
        if (unauthenticated(error)) signInRequired.value = true;
      },
    }),
    cacheExchange({ keys: Object.fromEntries(embeddedTypes.map((name) => [name, () => null])) }),
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: (sink) => ({
          unsubscribe: socket.subscribe({ query: query ?? "", variables: variables as Record<string, unknown> }, sink as never),
        }),
      }),
    }),
    fetchExchange,
  ],
});
