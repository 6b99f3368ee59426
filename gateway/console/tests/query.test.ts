import { signal } from "@preact/signals";
import { beforeEach, describe, expect, it, vi } from "vitest";

const epoch = vi.hoisted<{ current: unknown }>(() => ({ current: undefined }));

vi.mock("../src/api/client", () => ({ client: {} }));
vi.mock("../src/api/socket", () => ({
  get connectionEpoch() {
    return epoch.current;
  },
}));

async function load(initial: number) {
  const connectionEpoch = signal(initial);
  epoch.current = connectionEpoch;
  const { mergeResult, onReconnect } = await import("../src/api/query");
  return { connectionEpoch, mergeResult, onReconnect };
}

beforeEach(() => {
  vi.resetModules();
});

describe("onReconnect", () => {
  it("does not call at the first connection, and does at every later one", async () => {
    const { connectionEpoch, onReconnect } = await load(0);
    const call = vi.fn();
    onReconnect(call);
    connectionEpoch.value = 1;
    expect(call).not.toHaveBeenCalled();
    connectionEpoch.value = 2;
    connectionEpoch.value = 3;
    expect(call).toHaveBeenCalledTimes(2);
  });

  it("calls at the next connection when it is called during a later one", async () => {
    const { connectionEpoch, onReconnect } = await load(5);
    const call = vi.fn();
    onReconnect(call);
    expect(call).not.toHaveBeenCalled();
    connectionEpoch.value = 6;
    expect(call).toHaveBeenCalledTimes(1);
  });

  it("stops when it is unsubscribed", async () => {
    const { connectionEpoch, onReconnect } = await load(1);
    const call = vi.fn();
    onReconnect(call)();
    connectionEpoch.value = 2;
    expect(call).not.toHaveBeenCalled();
  });
});

describe("mergeResult", () => {
  const error = new Error("unavailable") as never;

  it("keeps the last data of the same variables beside an error", async () => {
    const { mergeResult } = await load(0);
    const before = { key: "a", data: 1, error: undefined };
    expect(mergeResult(before, "a", { data: undefined, error })).toEqual({ key: "a", data: 1, error });
  });

  it("drops the data of other variables", async () => {
    const { mergeResult } = await load(0);
    const before = { key: "a", data: 1, error: undefined };
    expect(mergeResult(before, "b", { data: undefined, error })).toEqual({ key: "b", data: undefined, error });
  });

  it("replaces data, and clears the error, with a new result", async () => {
    const { mergeResult } = await load(0);
    expect(mergeResult({ key: "a", data: 1, error }, "a", { data: 2, error: undefined })).toEqual({
      key: "a",
      data: 2,
      error: undefined,
    });
  });
});
