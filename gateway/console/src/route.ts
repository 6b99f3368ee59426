// Hash router: the route is the URL's fragment, so that the server has one page to serve.
import { signal } from "@preact/signals";

export interface Route {
  path: readonly string[];
  query: URLSearchParams;
}

function parseHash(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

export const route = signal<Route>(parseHash());

addEventListener("hashchange", () => {
  const previousPath = route.peek().path.join("/");
  route.value = parseHash();
  if (previousPath !== route.peek().path.join("/")) scrollTo(0, 0);
});

export function href(...path: string[]): string {
  return `#/${path.map(encodeURIComponent).join("/")}`;
}

export function navigate(...path: string[]): void {
  location.hash = href(...path);
}

/** Sets query parameters of the route, and removes the empty ones. Replaces the history entry: a filter is no step to go back. */
export function replaceQuery(changes: Record<string, string>): void {
  const query = new URLSearchParams(route.peek().query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const search = query.size ? `?${query}` : "";
  history.replaceState(null, "", href(...route.peek().path) + search);
  route.value = parseHash();
}
