// What a new session is made of while it is filled in, and the order that it becomes.
import type { StagedFile } from "../../api/files";
import type { VariablesOf } from "../../api/graphql";
import type { Create, Operation, Provider } from "../../api/operations";
import { emptyPerson, type Person } from "./participant-fields";

export type Input = VariablesOf<typeof Create>["input"];

export interface Draft {
  title: string;
  provider: string;
  files: readonly StagedFile[];
  people: readonly Person[];
  order: string;
  due: string;
  message: string;
  reference: string;
  start: boolean;
  options: string;
}

export const emptyDraft: Draft = {
  title: "", provider: "", files: [], people: [emptyPerson()], order: "PARALLEL", due: "", message: "", reference: "", start: true, options: "",
}; // prettier-ignore

/** Whether a provider can do something, however. */
export function supports(provider: Provider, operation: Operation): boolean {
  return provider.capabilities.some((each) => each.operation === operation && each.support !== "UNSUPPORTED");
}

/** The names of the options that a provider knows. */
export function optionNames(provider: Provider): string {
  const schema = provider.optionsSchema as { properties?: Record<string, unknown> };
  return Object.keys(schema.properties ?? {}).join(", ") || "none";
}

/** The object that a text is; undefined where it is none, and an empty one where there is no text. */
export function parseOptions(text: string): Record<string, unknown> | undefined {
  if (!text.trim()) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The input that orders the draft at a provider. */
export function toCreateInput(draft: Draft, provider: Provider, options: Record<string, unknown>): Input {
  const people = provider.sessionKind === "SIGNING" ? draft.people : [];
  const order = toInputFields(draft, supports(provider, "ADD_FIELD"), people);
  return { ...order, provider: provider.name, ...(Object.keys(options).length && { options }) };
}

const fieldBox = { type: "Signature", page: 1, x: 72, width: 180, height: 36, required: true };

/** The order; where the provider has fields, each signer gets one on the first page, one above the other. */
export function toInputFields(draft: Draft, withFields: boolean, people: readonly Person[]): Omit<Input, "provider"> {
  const participants = people.some((person) => person.firstName || person.lastName || person.email) ? people : [];
  return {
    title: draft.title,
    documents: draft.files.map((file) => ({ upload: file.id, title: (file.filename ?? "Document").replace(/\.pdf$/i, "") })),
    ...(participants.length && {
      participants: participants.map(({ firstName, lastName, email }, index) => ({
        ref: String(index),
        firstName,
        lastName,
        email,
      })),
      signingOrder: draft.order as "PARALLEL" | "SEQUENTIAL",
    }),
    ...(withFields &&
      draft.files.length &&
      participants.length && {
        fields: participants.map((_, index) => ({
          ...fieldBox,
          documentIndex: 0,
          participantRef: String(index),
          y: 96 + 48 * index,
        })),
      }),
    ...(draft.due && { dueAt: new Date(draft.due).toISOString() }),
    ...(draft.message && { message: draft.message }),
    ...(draft.reference && { reference: draft.reference }),
    start: draft.start,
  };
}
