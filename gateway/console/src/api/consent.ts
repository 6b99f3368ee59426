// A person lets the gateway act for them at a provider: away to the provider, and back to this page with a code.
import { signal } from "@preact/signals";
import { act } from "./act";
import { BeginAuthorization, CompleteAuthorization, type Problem } from "./operation";

const place = "countersign.authorizing";

/** What came of it when somebody came back. */
export const returned = signal<{ provider: string; problems: readonly Problem[] } | undefined>(undefined);

/** Leaves for the provider; gives what stands in the way where something does. */
export async function authorize(provider: string): Promise<readonly Problem[]> {
  const { data, problems } = await act(BeginAuthorization, { provider });
  const begun = data?.result;
  if (!begun?.url || !begun.state) return problems;
  sessionStorage.setItem(place, JSON.stringify({ provider, state: begun.state }));
  location.assign(begun.url);
  return [];
}

/** Hands in the code, where the address brings one that was asked for in this tab. The address forgets it at once. */
export async function comeBack(): Promise<void> {
  const brought = new URLSearchParams(location.search);
  const kept = sessionStorage.getItem(place);
  const [code, state] = [brought.get("code"), brought.get("state")];
  if (location.search) history.replaceState(null, "", location.pathname + location.hash);
  if (!state || !kept) return;
  sessionStorage.removeItem(place);
  const begun = JSON.parse(kept) as { provider: string; state: string };
  if (begun.state !== state || !code) return;
  const { problems } = await act(CompleteAuthorization, { provider: begun.provider, code, state });
  returned.value = { provider: begun.provider, problems };
}
