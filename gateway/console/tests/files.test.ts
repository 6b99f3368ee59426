import { beforeEach, describe, expect, it, vi } from "vitest";
import { stubBrowser } from "./browser";

const query = vi.hoisted(() => vi.fn());
vi.mock("../src/api/client", () => ({ client: { query } }));

async function load() {
  const browser = stubBrowser();
  browser.stored.set("countersign.token", "secret");
  const { downloadDocument, downloadSignature, uploadFile } = await import("../src/api/files");
  const { signInRequired } = await import("../src/api/token");
  return { ...browser, downloadDocument, downloadSignature, uploadFile, signInRequired };
}

const respond = (status: number, body: string) => {
  const fetch = vi.fn(() => Promise.resolve(new Response(body, { status })));
  vi.stubGlobal("fetch", fetch);
  return fetch;
};

beforeEach(() => {
  vi.resetModules();
  query.mockReset();
});

describe("uploadFile", () => {
  it("puts the file with its name, type and the token", async () => {
    const { uploadFile } = await load();
    const fetch = respond(201, '{"id":"u1"}');
    const file = new File(["%PDF"], "lease & more.pdf", { type: "application/pdf" });
    expect(await uploadFile(file)).toEqual({ id: "u1" });
    expect(fetch).toHaveBeenCalledExactlyOnceWith("/uploads?filename=lease%20%26%20more.pdf", {
      method: "PUT",
      body: file,
      headers: { "content-type": "application/pdf", authorization: "Bearer secret" },
    });
  });

  it("throws the gateway's message", async () => {
    const { uploadFile } = await load();
    respond(415, '{"problem":{"message":"This is no PDF."}}');
    await expect(uploadFile(new File([], "a"))).rejects.toThrow("This is no PDF.");
  });

  it("throws the status where the body is no JSON", async () => {
    const { uploadFile, signInRequired } = await load();
    respond(502, "<html>");
    await expect(uploadFile(new File([], "a"))).rejects.toThrow("502");
    expect(signInRequired.value).toBe(false);
  });

  it("asks to sign in after a 401", async () => {
    const { uploadFile, signInRequired } = await load();
    respond(401, "{}");
    await expect(uploadFile(new File([], "a"))).rejects.toThrow();
    expect(signInRequired.value).toBe(true);
  });
});

describe("downloads", () => {
  const answer = (data: unknown, message?: string) =>
    query.mockReturnValue({ toPromise: () => Promise.resolve({ data, error: message ? { message } : undefined }) });

  it("clicks a link to the one-time URL, which is never read from the cache", async () => {
    const { downloadDocument, document } = await load();
    const link = { href: "", download: "", click: vi.fn() };
    Object.assign(document, { createElement: () => link });
    answer({ document: { download: { url: "/files/1", filename: "lease.pdf" } } });
    await downloadDocument("d1");
    expect(link).toMatchObject({ href: "/files/1", download: "lease.pdf" });
    expect(link.click).toHaveBeenCalledOnce();
    expect(query.mock.lastCall?.slice(1)).toEqual([{ id: "d1" }, { requestPolicy: "network-only" }]);
  });

  it("throws where the provider has no content, or says why", async () => {
    const { downloadDocument, downloadSignature } = await load();
    answer({ document: { download: null } });
    await expect(downloadDocument("d1")).rejects.toThrow("no bytes");
    answer(null, "not permitted");
    await expect(downloadSignature("s1")).rejects.toThrow("not permitted");
  });
});
