// Carries something out, and tells what the gateway said against it.
import type { TypedDocumentNode } from "@urql/core";
import { client } from "./client";
import type { Problem } from "./operation";

interface Result {
  result: { problems: Problem[] };
}

/** Is told of what stood in the way, once something was carried out. */
export type Done = (problems: readonly Problem[]) => void;

/** Gives the data, if there is any, and the problems; a failure that nobody expected becomes a problem too. */
export async function act<Data extends Result, Variables extends Record<string, unknown>>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<{ data: Data | undefined; problems: Problem[] }> {
  const { data, error } = await client.mutation(document, variables).toPromise();
  const failures = error ? (error.graphQLErrors.length ? error.graphQLErrors : [{ message: unanswered, extensions: {} }]) : [];
  const unexpected = failures.map((failure) => problem(failure.message, failure.extensions as { code?: string }));
  return { data: data ?? undefined, problems: [...(data?.result?.problems ?? []), ...unexpected] };
}

const unanswered = "The gateway did not answer. Whether this happened is not known: look at the session before you try again.";

function problem(message: string, { code }: { code?: string }): Problem {
  const shown = (code ?? "PROVIDER_UNAVAILABLE") as Problem["code"];
  return { code: shown, message, path: null, provider: null, providerCode: null, retryable: false, retryAfterMs: null };
}
