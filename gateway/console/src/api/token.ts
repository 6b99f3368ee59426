// The token that whoever sits here was asked for. It is kept for this tab alone, and goes with it.
import { signal } from "@preact/signals";

const place = "countersign.token";

/** Whether the gateway wants a token, or another one than it was given. */
export const refused = signal(false);

export function token(): string | null {
  return sessionStorage.getItem(place);
}

export function authorization(): Record<string, string> {
  const kept = token();
  return kept ? { authorization: `Bearer ${kept}` } : {};
}

/** Begins anew: nothing that was read with another token stays. */
export function use(given: string | null): void {
  if (given) sessionStorage.setItem(place, given);
  else sessionStorage.removeItem(place);
  location.reload();
}
