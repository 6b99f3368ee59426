import { beforeEach, describe, expect, it, vi } from "vitest";
import { stubBrowser } from "./browser";

async function load(hash: string) {
  const browser = stubBrowser(hash);
  return { ...browser, ...(await import("../src/route")) };
}

beforeEach(() => {
  vi.resetModules();
});

describe("route", () => {
  it("is empty without a fragment", async () => {
    const { route } = await load("");
    expect(route.value.path).toEqual([]);
    expect([...route.value.query]).toEqual([]);
  });

  it("has the decoded path and the query of the fragment", async () => {
    const { route } = await load("#/sessions/a%2Fb?title=x%20y&status=open");
    expect(route.value.path).toEqual(["sessions", "a/b"]);
    expect(Object.fromEntries(route.value.query)).toEqual({ title: "x y", status: "open" });
  });

  it("follows the fragment, and scrolls up only when the path changes", async () => {
    const { route, location, dispatch } = await load("#/sessions");
    location.hash = "#/sessions?status=open";
    dispatch("hashchange");
    expect(route.value.query.get("status")).toBe("open");
    expect(scrollTo).not.toHaveBeenCalled();
    location.hash = "#/webhooks";
    dispatch("hashchange");
    expect(route.value.path).toEqual(["webhooks"]);
    expect(scrollTo).toHaveBeenCalledWith(0, 0);
  });
});

describe("href", () => {
  it("encodes every segment", async () => {
    const { href, navigate, location } = await load("");
    expect(href("sessions", "a/b c")).toBe("#/sessions/a%2Fb%20c");
    navigate("sessions", "new");
    expect(location.hash).toBe("#/sessions/new");
  });
});

describe("replaceQuery", () => {
  it("sets and removes parameters, keeps the others, and adds no history entry", async () => {
    const { route, replaceQuery, history } = await load("#/sessions?title=lease&status=open");
    replaceQuery({ status: "", provider: "easyink" });
    expect(Object.fromEntries(route.value.query)).toEqual({ title: "lease", provider: "easyink" });
    expect(route.value.path).toEqual(["sessions"]);
    expect(history.replaceState).toHaveBeenCalledExactlyOnceWith(null, "", "#/sessions?title=lease&provider=easyink");
  });

  it("leaves no question mark behind the last parameter", async () => {
    const { replaceQuery, location } = await load("#/sessions?title=lease");
    replaceQuery({ title: "" });
    expect(location.hash).toBe("#/sessions");
  });
});
