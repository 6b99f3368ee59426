// A person lets the gateway act for them at a provider: away to the provider, and back to this page with a code.
import { signal } from "@preact/signals";
import { mutate } from "./mutate";
import { BeginAuthorization, CompleteAuthorization, type Problem } from "./operations";

const storageKey = "countersign.authorizing";

/** What came of it when somebody came back. */
export const authorizationResult = signal<{ provider: string; problems: readonly Problem[] } | undefined>(undefined);

/** Leaves for the provider; gives what stands in the way where something does. */
export async function beginAuthorization(provider: string): Promise<readonly Problem[]> {
  const { data, problems } = await mutate(BeginAuthorization, { provider });
  const begun = data?.result;
  if (!begun?.url || !begun.state) return problems;
  sessionStorage.setItem(storageKey, JSON.stringify({ provider, state: begun.state }));
  location.assign(begun.url);
  return [];
}

/** Hands in the code, where the address brings one that was asked for in this tab. The address forgets it at once. */
export async function completeAuthorization(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const stored = sessionStorage.getItem(storageKey);
  const [code, state] = [query.get("code"), query.get("state")];
  if (location.search) history.replaceState(null, "", location.pathname + location.hash);
  if (!state || !stored) return;
  sessionStorage.removeItem(storageKey);
  const begun = JSON.parse(stored) as { provider: string; state: string };
  if (begun.state !== state || !code) return;
  const { problems } = await mutate(CompleteAuthorization, { provider: begun.provider, code, state });
  authorizationResult.value = { provider: begun.provider, problems };
}
