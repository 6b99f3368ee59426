import { CombinedError, type TypedDocumentNode } from "@urql/core";
import { GraphQLError } from "graphql";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { stubBrowser } from "./browser";

interface Result {
  data?: unknown;
  error?: CombinedError;
}

interface Subscription {
  document: unknown;
  variables: unknown;
  push: (result: Result) => void;
  unsubscribe: ReturnType<typeof vi.fn>;
}

const subscriptions: Subscription[] = [];
const handlers = new Map<string, (() => void)[]>();

vi.mock("../src/api/socket", async () => {
  const { signal } = await import("@preact/signals");
  return {
    connectionEpoch: signal(0),
    socket: { on: (name: string, call: () => void) => handlers.set(name, [...(handlers.get(name) ?? []), call]) },
  };
});

vi.mock("../src/api/client", () => ({
  unauthenticated: (error: CombinedError) => error.graphQLErrors.some((each) => each.extensions.code === "UNAUTHENTICATED"),
  client: {
    subscription: (document: unknown, variables: unknown) => ({
      subscribe: (push: (result: Result) => void) => {
        const subscription = { document, variables, push, unsubscribe: vi.fn() };
        subscriptions.push(subscription);
        return subscription;
      },
    }),
  },
}));

const document = {} as TypedDocumentNode<{ value: number }, { after?: string }>;
const lost = () => new CombinedError({ networkError: new Error("closed") });
const refusal = (code: string) => new CombinedError({ graphQLErrors: [new GraphQLError(code, { extensions: { code } })] });
const event = (cursor: string) => ({ data: { sessionEvents: { id: cursor, cursor, session: { id: "s" } } } });
const emit = (name: string) => handlers.get(name)?.forEach((call) => call());

function last(): Subscription {
  const subscription = subscriptions.at(-1);
  if (!subscription) throw new Error("nothing has subscribed");
  return subscription;
}

async function load() {
  stubBrowser();
  const { connectionEpoch } = await import("../src/api/socket");
  const { signInRequired } = await import("../src/api/token");
  const live = await import("../src/api/subscriptions");
  return { ...live, connectionEpoch, signInRequired };
}

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5); // in the middle of the jitter: a factor of one
  subscriptions.length = 0;
  handlers.clear();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("subscribeWithRetry", () => {
  it("passes data on, and keeps the subscription while it does not fail", async () => {
    const { subscribeWithRetry } = await load();
    const onData = vi.fn();
    subscribeWithRetry(document, () => ({}), onData);
    last().push({ data: { value: 1 } });
    vi.advanceTimersByTime(60_000);
    expect(onData).toHaveBeenCalledExactlyOnceWith({ value: 1 });
    expect(subscriptions).toHaveLength(1);
  });

  it("backs off exponentially up to a maximum while connections are lost", async () => {
    const { followEvents, subscribeWithRetry } = await load();
    followEvents();
    subscribeWithRetry(document, () => ({}));
    for (const delay of [250, 500, 1000, 2000, 3000, 3000]) {
      const before = subscriptions.length;
      last().push({ error: lost() });
      vi.advanceTimersByTime(delay - 1);
      expect(subscriptions).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(subscriptions).toHaveLength(before + 1);
      emit("closed");
    }
  });

  it("spreads retries by a quarter to either side", async () => {
    const { subscribeWithRetry } = await load();
    subscribeWithRetry(document, () => ({}));
    vi.spyOn(Math, "random").mockReturnValue(0);
    last().push({ error: lost() });
    vi.advanceTimersByTime(186);
    expect(subscriptions).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(subscriptions).toHaveLength(2);
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    last().push({ error: lost() });
    vi.advanceTimersByTime(311);
    expect(subscriptions).toHaveLength(2);
    vi.advanceTimersByTime(1);
    expect(subscriptions).toHaveLength(3);
  });

  it("retries at once when the connection is back, and only once", async () => {
    const { followEvents } = await load();
    followEvents();
    subscriptions.forEach(({ push }) => {
      push({ error: lost() });
    });
    emit("connected");
    expect(subscriptions).toHaveLength(4);
    vi.advanceTimersByTime(60_000);
    expect(subscriptions).toHaveLength(4);
  });

  it("waits half a minute after a refusal", async () => {
    const { subscribeWithRetry } = await load();
    subscribeWithRetry(document, () => ({}));
    last().push({ error: refusal("FORBIDDEN") });
    vi.advanceTimersByTime(29_999);
    expect(subscriptions).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(subscriptions).toHaveLength(2);
  });

  it("retries soon when the caller has recovered from the refusal", async () => {
    const { subscribeWithRetry } = await load();
    subscribeWithRetry(
      document,
      () => ({}),
      undefined,
      () => true,
    );
    last().push({ error: refusal("CURSOR_EXPIRED") });
    vi.advanceTimersByTime(250);
    expect(subscriptions).toHaveLength(2);
  });

  it("leaves authentication errors to the sign-in page", async () => {
    const { subscribeWithRetry, signInRequired } = await load();
    subscribeWithRetry(document, () => ({}));
    last().push({ error: refusal("UNAUTHENTICATED") });
    vi.advanceTimersByTime(60_000);
    expect(subscriptions).toHaveLength(1);
    signInRequired.value = true;
    subscribeWithRetry(document, () => ({}));
    expect(subscriptions).toHaveLength(1);
  });

  it("ends for good, also between two attempts", async () => {
    const { subscribeWithRetry } = await load();
    const stop = subscribeWithRetry(document, () => ({}));
    last().push({ error: lost() });
    stop();
    expect(last().unsubscribe).toHaveBeenCalled();
    vi.advanceTimersByTime(60_000);
    expect(subscriptions).toHaveLength(1);
  });
});

describe("followEvents", () => {
  it("resumes behind the last event's cursor", async () => {
    const { followEvents } = await load();
    followEvents();
    const [events] = subscriptions;
    expect(events?.variables).toEqual({ after: undefined });
    events?.push(event("c1"));
    events?.push(event("c2"));
    events?.push({ error: lost() });
    vi.advanceTimersByTime(250);
    expect(last().document).toBe(events?.document);
    expect(last().variables).toEqual({ after: "c2" });
  });

  it("starts without a cursor, and has every query refetch, when the cursor has expired", async () => {
    const { followEvents, connectionEpoch } = await load();
    followEvents();
    subscriptions[0]?.push(event("c1"));
    const epoch = connectionEpoch.peek();
    subscriptions[0]?.push({ error: refusal("CURSOR_EXPIRED") });
    expect(connectionEpoch.peek()).toBe(epoch + 1);
    vi.advanceTimersByTime(250);
    expect(last().variables).toEqual({ after: undefined });
  });

  it("tells listeners of events, counts them and keeps the latest sixty", async () => {
    const { followEvents, onEvent, recentEvents, eventCount } = await load();
    followEvents();
    const listener = vi.fn();
    const unsubscribe = onEvent(listener);
    for (let number = 0; number < 70; number++) subscriptions[0]?.push(event(`c${number}`));
    unsubscribe();
    subscriptions[0]?.push(event("c70"));
    expect(listener).toHaveBeenCalledTimes(70);
    expect(eventCount.value).toBe(71);
    expect(recentEvents.value).toHaveLength(60);
    expect(recentEvents.value[0]?.cursor).toBe("c70");
  });

  it("is lost since the first of several failures, and live again after them", async () => {
    vi.setSystemTime(1_000);
    const { followEvents, connection, connectionEpoch } = await load();
    followEvents();
    expect(connection.value.state).toBe("connecting");
    emit("connected");
    expect(connection.value).toEqual({ state: "live", since: 1_000 });
    vi.setSystemTime(5_000);
    emit("closed");
    vi.setSystemTime(9_000);
    emit("closed");
    expect(connection.value).toEqual({ state: "lost", since: 5_000 });
    const epoch = connectionEpoch.peek();
    emit("connected");
    vi.advanceTimersByTime(800);
    expect(connection.value.state).toBe("live");
    expect(connectionEpoch.peek()).toBeGreaterThan(epoch);
  });
});
