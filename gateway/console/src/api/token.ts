// The token that whoever sits here was asked for. It is kept for this tab alone, and goes with it.
import { signal } from "@preact/signals";

const storageKey = "countersign.token";

/** Whether the gateway wants a token, or another one than it was given. */
export const signInRequired = signal(false);

export function token(): string | null {
  return sessionStorage.getItem(storageKey);
}

export function authorizationHeader(): Record<string, string> {
  const stored = token();
  return stored ? { authorization: `Bearer ${stored}` } : {};
}

/** Begins anew: nothing that was read with another token stays. */
export function replaceToken(value: string | null): void {
  if (value) sessionStorage.setItem(storageKey, value);
  else sessionStorage.removeItem(storageKey);
  location.reload();
}
