// Bearer token of the viewer, in the tab's session storage: it ends with the tab.
import { signal } from "@preact/signals";

const storageKey = "countersign.token";

/** Whether the gateway has rejected the request's credentials, or the lack of them. */
export const signInRequired = signal(false);

export function token(): string | null {
  return sessionStorage.getItem(storageKey);
}

export function authorizationHeader(): Record<string, string> {
  const stored = token();
  return stored ? { authorization: `Bearer ${stored}` } : {};
}

/** Stores or removes the token and reloads the page, so that nothing that was read with another token stays. */
export function replaceToken(value: string | null): void {
  if (value) sessionStorage.setItem(storageKey, value);
  else sessionStorage.removeItem(storageKey);
  location.reload();
}
