import { beforeEach, describe, expect, it, vi } from "vitest";
import { stubBrowser } from "./browser";

const mutate = vi.hoisted(() => vi.fn());
vi.mock("../src/api/mutate", () => ({ mutate }));

const storageKey = "countersign.authorizing";

async function load(search = "", stored?: { provider: string; state: string }) {
  const browser = stubBrowser("#/providers", search);
  if (stored) browser.stored.set(storageKey, JSON.stringify(stored));
  return { ...browser, ...(await import("../src/api/oauth")) };
}

beforeEach(() => {
  vi.resetModules();
  mutate.mockReset();
});

describe("beginAuthorization", () => {
  it("stores the state in the tab and redirects to the provider", async () => {
    mutate.mockResolvedValue({ data: { result: { url: "https://provider.example/authorize", state: "s1" } }, problems: [] });
    const { beginAuthorization, location, stored } = await load();
    expect(await beginAuthorization("signicat")).toEqual([]);
    expect(stored.get(storageKey)).toBe('{"provider":"signicat","state":"s1"}');
    expect(location.assign).toHaveBeenCalledExactlyOnceWith("https://provider.example/authorize");
  });

  it("returns the problems instead of redirecting", async () => {
    const problems = [{ message: "not configured" }];
    mutate.mockResolvedValue({ data: undefined, problems });
    const { beginAuthorization, location } = await load();
    expect(await beginAuthorization("signicat")).toBe(problems);
    expect(location.assign).not.toHaveBeenCalled();
  });
});

describe("completeAuthorization", () => {
  it("exchanges the code when the state is the one that was stored, and cleans the URL", async () => {
    mutate.mockResolvedValue({ problems: [] });
    const { completeAuthorization, authorizationResult, history, stored } = await load("?code=c1&state=s1", {
      provider: "signicat",
      state: "s1",
    });
    await completeAuthorization();
    expect(mutate.mock.calls[0]?.[1]).toEqual({ provider: "signicat", code: "c1", state: "s1" });
    expect(authorizationResult.value).toEqual({ provider: "signicat", problems: [] });
    expect(history.replaceState).toHaveBeenCalledExactlyOnceWith(null, "", "/console#/providers");
    expect(stored.has(storageKey)).toBe(false);
  });

  it.each([
    ["another state", "?code=c1&state=forged"],
    ["no state", "?code=c1"],
    ["no code", "?state=s1&error=access_denied"],
  ])("exchanges nothing with %s", async (_case, search) => {
    const { completeAuthorization, history } = await load(search, { provider: "signicat", state: "s1" });
    await completeAuthorization();
    expect(mutate).not.toHaveBeenCalled();
    expect(history.replaceState).toHaveBeenCalled();
  });

  it("exchanges nothing in a tab that began no authorization", async () => {
    const { completeAuthorization } = await load("?code=c1&state=s1");
    await completeAuthorization();
    expect(mutate).not.toHaveBeenCalled();
  });
});
