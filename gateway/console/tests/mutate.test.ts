import { CombinedError, type TypedDocumentNode } from "@urql/core";
import { GraphQLError } from "graphql";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { mutate, newIdempotencyKey } from "../src/api/mutate";

const mutation = vi.hoisted(() => vi.fn());
vi.mock("../src/api/client", () => ({ client: { mutation } }));

const document = {} as TypedDocumentNode<{ result: { problems: never[] } }, { id: string }>;
const answer = (result: { data?: unknown; error?: CombinedError }) =>
  mutation.mockReturnValue({ toPromise: () => Promise.resolve(result) });

beforeEach(() => {
  mutation.mockReset();
});

describe("mutate", () => {
  it("returns the data and the problems of the payload", async () => {
    const problem = { code: "INVALID_INPUT", message: "too long" };
    const data = { result: { problems: [problem] } };
    answer({ data });
    expect(await mutate(document, { id: "1" })).toEqual({ data, problems: [problem] });
    expect(mutation).toHaveBeenCalledExactlyOnceWith(document, { id: "1" });
  });

  it("turns a GraphQL error into a problem with its code", async () => {
    answer({ error: new CombinedError({ graphQLErrors: [new GraphQLError("no", { extensions: { code: "FORBIDDEN" } })] }) });
    const { data, problems } = await mutate(document, { id: "1" });
    expect(data).toBeUndefined();
    expect(problems).toEqual([expect.objectContaining({ code: "FORBIDDEN", message: "no", retryable: false })]);
  });

  it("says of a network error that the outcome is unknown", async () => {
    answer({ error: new CombinedError({ networkError: new Error("closed") }) });
    const { problems } = await mutate(document, { id: "1" });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toMatch(/not known: look at the session/);
  });
});

describe("newIdempotencyKey", () => {
  it("is 128 random bits in hexadecimal", () => {
    const keys = new Set(Array.from({ length: 100 }, newIdempotencyKey));
    expect(keys.size).toBe(100);
    for (const key of keys) expect(key).toMatch(/^[0-9a-f]{32}$/);
  });
});
