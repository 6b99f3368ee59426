import { describe, expect, it } from "vitest";
import type { Provider } from "../src/api/operations";
import {
  type Draft,
  emptyDraft,
  optionNames,
  parseOptions,
  supports,
  toCreateInput,
  toInputFields,
} from "../src/pages/new-session/draft";

type Support = Provider["capabilities"][number]["support"];

function provider(support: Support, sessionKind: Provider["sessionKind"] = "SIGNING", optionsSchema: unknown = {}): Provider {
  return {
    name: "easyink",
    sessionKind,
    optionsSchema,
    capabilities: [{ operation: "ADD_FIELD", support, note: null }],
  } as unknown as Provider;
}

const file = (id: string, filename: string | null) => ({ id, filename, mediaType: "application/pdf", sizeBytes: 1 });
const ada = { key: 1, firstName: "Ada", lastName: "Lovelace", email: "ada@people.example" };
const ben = { key: 2, firstName: "Ben", lastName: "Muster", email: "ben@people.example" };
const draft: Draft = { ...emptyDraft, title: "Lease", files: [file("u1", "lease.PDF"), file("u2", null)], people: [ada, ben] };

describe("supports", () => {
  it("is true natively or composed, and false otherwise", () => {
    expect(supports(provider("NATIVE"), "ADD_FIELD")).toBe(true);
    expect(supports(provider("COMPOSED"), "ADD_FIELD")).toBe(true);
    expect(supports(provider("UNSUPPORTED"), "ADD_FIELD")).toBe(false);
    expect(supports(provider("NATIVE"), "ADD_SELF")).toBe(false);
  });
});

describe("parseOptions", () => {
  it("is empty for blank text", () => {
    expect(parseOptions(" \n")).toEqual({});
  });

  it("parses a JSON object", () => {
    expect(parseOptions('{ "language": "nb" }')).toEqual({ language: "nb" });
  });

  it.each(["{", "[]", "null", "1", '"text"'])("rejects %s, which is no JSON object", (text) => {
    expect(parseOptions(text)).toBeUndefined();
  });
});

describe("optionNames", () => {
  it("lists the properties of the schema", () => {
    expect(optionNames(provider("NATIVE", "SIGNING", { properties: { a: {}, b: {} } }))).toBe("a, b");
    expect(optionNames(provider("NATIVE"))).toBe("none");
  });
});

describe("toInputFields", () => {
  it("has documents by their uploads, with titles without the extension", () => {
    expect(toInputFields(draft, false, draft.people).documents).toEqual([
      { upload: "u1", title: "lease" },
      { upload: "u2", title: "Document" },
    ]);
  });

  it("has participants in signing order, and a field for each where the provider has fields", () => {
    const input = toInputFields({ ...draft, order: "SEQUENTIAL" }, true, draft.people);
    expect(input.participants?.map(({ ref, email }) => [ref, email])).toEqual([
      ["0", "ada@people.example"],
      ["1", "ben@people.example"],
    ]);
    expect(input.signingOrder).toBe("SEQUENTIAL");
    expect(input.fields?.map(({ documentIndex, participantRef, y }) => [documentIndex, participantRef, y])).toEqual([
      [0, "0", 96],
      [0, "1", 144],
    ]);
  });

  it("has no fields without documents", () => {
    expect(toInputFields({ ...draft, files: [] }, true, draft.people)).not.toHaveProperty("fields");
  });

  it("omits participants while nobody is filled in, and every option that is empty", () => {
    const input = toInputFields({ ...emptyDraft, title: "Lease" }, true, emptyDraft.people);
    expect(input).toEqual({ title: "Lease", documents: [], start: true });
  });

  it("converts the local due date to an instant", () => {
    const due = "2026-03-01T12:00";
    expect(toInputFields({ ...draft, due }, false, []).dueAt).toBe(new Date(due).toISOString());
  });
});

describe("toCreateInput", () => {
  it("has fields only where the provider supports them", () => {
    expect(toCreateInput(draft, provider("NATIVE"), {}).fields).toHaveLength(2);
    expect(toCreateInput(draft, provider("UNSUPPORTED"), {})).not.toHaveProperty("fields");
  });

  it("has no participants where no person signs", () => {
    const input = toCreateInput(draft, provider("NATIVE", "SEALING"), {});
    expect(input.provider).toBe("easyink");
    expect(input).not.toHaveProperty("participants");
    expect(input).not.toHaveProperty("fields");
  });

  it("has options only where there are some", () => {
    expect(toCreateInput(draft, provider("NATIVE"), {})).not.toHaveProperty("options");
    expect(toCreateInput(draft, provider("NATIVE"), { language: "nb" }).options).toEqual({ language: "nb" });
  });
});
