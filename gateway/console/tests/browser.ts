// Stand-ins for the parts of a browser that modules use when they are loaded, as the tests run in Node.
import { vi } from "vitest";

/** Stubs location, history, session storage and events of the window. Returns them, to be asserted on. */
export function stubBrowser(hash = "", search = "") {
  const stored = new Map<string, string>();
  const listeners = new Map<string, () => void>();
  const location = {
    hash,
    search,
    pathname: "/console",
    protocol: "http:",
    host: "gateway.example",
    assign: vi.fn(),
    reload: vi.fn(),
  };
  const history = {
    replaceState: vi.fn((_state: unknown, _title: string, url: string) => {
      location.hash = url.includes("#") ? url.slice(url.indexOf("#")) : "";
    }),
  };
  const document = { hidden: false, addEventListener: (name: string, call: () => void) => listeners.set(name, call) };
  vi.stubGlobal("location", location);
  vi.stubGlobal("history", history);
  vi.stubGlobal("document", document);
  vi.stubGlobal("scrollTo", vi.fn());
  vi.stubGlobal("addEventListener", (name: string, call: () => void) => listeners.set(name, call));
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
    removeItem: (key: string) => stored.delete(key),
  });
  const dispatch = (name: string) => listeners.get(name)?.();
  return { location, history, document, stored, dispatch };
}
