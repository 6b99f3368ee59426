import type { ClientOptions } from "graphql-ws";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { stubBrowser } from "./browser";

const createClient = vi.hoisted(() => vi.fn());
vi.mock("graphql-ws", () => ({ createClient }));

async function load(token?: string) {
  const browser = stubBrowser();
  if (token) browser.stored.set("countersign.token", token);
  const { connectionEpoch } = await import("../src/api/socket");
  const { signInRequired } = await import("../src/api/token");
  const options = createClient.mock.lastCall?.[0] as ClientOptions;
  return { ...browser, connectionEpoch, signInRequired, options };
}

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("socket", () => {
  it("connects to the host of the page, with the token of the tab, and leaves retries to the subscriptions", async () => {
    const { options, location } = await load("secret");
    const url = options.url as () => string;
    expect(url()).toBe("ws://gateway.example/graphql");
    location.protocol = "https:";
    expect(url()).toBe("wss://gateway.example/graphql");
    expect((options.connectionParams as () => unknown)()).toEqual({ authorization: "Bearer secret" });
    expect(options.retryAttempts).toBe(0);
  });

  it("raises the epoch at each connection", async () => {
    const { options, connectionEpoch } = await load();
    options.on?.connected?.({}, undefined, false);
    options.on?.connected?.({}, undefined, true);
    expect(connectionEpoch.value).toBe(2);
  });

  it("closes a connection that does not answer a ping within five seconds", async () => {
    const { options } = await load();
    const close = vi.fn();
    options.on?.opened?.({ close });
    options.on?.ping?.(false, undefined);
    vi.advanceTimersByTime(4_999);
    expect(close).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(close).toHaveBeenCalledExactlyOnceWith(4408, "No answer to a ping");
  });

  it.each(["a pong", "the end of the connection"])("does not close a connection behind %s", async (end) => {
    const { options } = await load();
    const close = vi.fn();
    options.on?.opened?.({ close });
    options.on?.ping?.(false, undefined);
    if (end === "a pong") options.on?.pong?.(true, undefined);
    else options.on?.closed?.({ code: 1006 });
    vi.advanceTimersByTime(60_000);
    expect(close).not.toHaveBeenCalled();
  });

  it.each([
    [4401, undefined, true],
    [4401, "secret", true],
    [4403, "secret", true],
    [4403, undefined, false],
    [1006, "secret", false],
  ])("asks to sign in after close code %i with the token %s: %s", async (code, token, required) => {
    const { options, signInRequired } = await load(token);
    options.on?.closed?.({ code });
    expect(signInRequired.value).toBe(required);
  });
});
