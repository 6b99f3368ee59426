// Where one is: the part of the address behind the #, so that the server needs to know one page only.
import { signal } from "@preact/signals";

export interface Place {
  path: readonly string[];
  query: URLSearchParams;
}

function read(): Place {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

export const place = signal<Place>(read());

addEventListener("hashchange", () => {
  const before = place.peek().path.join("/");
  place.value = read();
  if (before !== place.peek().path.join("/")) scrollTo(0, 0);
});

export function to(...path: string[]): string {
  return `#/${path.map(encodeURIComponent).join("/")}`;
}

export function go(...path: string[]): void {
  location.hash = to(...path);
}

/** Says what is asked for in the address; it is no step that one would go back. */
export function narrow(changes: Record<string, string>): void {
  const query = new URLSearchParams(place.peek().query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const asked = query.size ? `?${query}` : "";
  history.replaceState(null, "", to(...place.peek().path) + asked);
  place.value = read();
}
