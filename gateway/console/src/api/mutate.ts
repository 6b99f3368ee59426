// Mutations: sends one, and turns every kind of failure into problems.
import type { TypedDocumentNode } from "@urql/core";
import { client } from "./client";
import type { Problem } from "./operations";

interface Payload {
  result: { problems: Problem[] };
}

/** Callback with the problems of a mutation that has ended; none where it succeeded. */
export type OnMutated = (problems: readonly Problem[]) => void;

/** Sends a mutation. Returns its data, if any, and its problems; GraphQL and network errors become problems too. */
export async function mutate<Data extends Payload, Variables extends Record<string, unknown>>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<{ data: Data | undefined; problems: Problem[] }> {
  const { data, error } = await client.mutation(document, variables).toPromise();
  const failures = error
    ? error.graphQLErrors.length
      ? error.graphQLErrors
      : [{ message: noAnswerMessage, extensions: {} }]
    : [];
  const unexpected = failures.map((failure) => toProblem(failure.message, failure.extensions as { code?: string }));
  return { data: data ?? undefined, problems: [...(data?.result.problems ?? []), ...unexpected] };
}

const noAnswerMessage =
  "The gateway did not answer. Whether this happened is not known: look at the session before you try again.";

function toProblem(message: string, { code }: { code?: string }): Problem {
  const shownCode = (code ?? "PROVIDER_UNAVAILABLE") as Problem["code"];
  return { code: shownCode, message, path: null, provider: null, providerCode: null, retryable: false, retryAfterMs: null };
}

/** Random 128-bit idempotency key: a mutation that is sent twice with it takes effect once. */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
