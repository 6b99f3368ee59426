// OAuth authorization code flow, by which a person lets the gateway act for them at a provider: redirect to the provider,
// and return to the console with a code.
import { signal } from "@preact/signals";
import { mutate } from "./mutate";
import { BeginAuthorization, CompleteAuthorization, type Problem } from "./operations";

const storageKey = "countersign.authorizing";

/** Outcome of the flow that ended at this load of the page. */
export const authorizationResult = signal<{ provider: string; problems: readonly Problem[] } | undefined>(undefined);

/** Redirects to the provider, or returns the problems that prevent it. */
export async function beginAuthorization(provider: string): Promise<readonly Problem[]> {
  const { data, problems } = await mutate(BeginAuthorization, { provider });
  const authorization = data?.result;
  if (!authorization?.url || !authorization.state) return problems;
  sessionStorage.setItem(storageKey, JSON.stringify({ provider, state: authorization.state }));
  location.assign(authorization.url);
  return [];
}

/**
 * Exchanges the code in the URL, if its state is the one that this tab stored. The URL is cleaned first, so that neither a
 * reload nor the history sends the code again.
 */
export async function completeAuthorization(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const stored = sessionStorage.getItem(storageKey);
  const [code, state] = [query.get("code"), query.get("state")];
  if (location.search) history.replaceState(null, "", location.pathname + location.hash);
  if (!state || !stored) return;
  sessionStorage.removeItem(storageKey);
  const authorization = JSON.parse(stored) as { provider: string; state: string };
  if (authorization.state !== state || !code) return;
  const { problems } = await mutate(CompleteAuthorization, { provider: authorization.provider, code, state });
  authorizationResult.value = { provider: authorization.provider, problems };
}
