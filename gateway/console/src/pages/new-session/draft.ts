// Draft of a new session: state of the form, and its conversion to the input of createSession.
import type { StagedFile } from "../../api/files";
import type { VariablesOf } from "../../api/graphql";
import type { Create, Operation, Provider } from "../../api/operations";

export type Input = VariablesOf<typeof Create>["input"];

export interface Person {
  /** List key, as a person without a name yet has no other identity. */
  key: number;
  firstName: string;
  lastName: string;
  email: string;
}

let lastKey = 0;

export function emptyPerson(): Person {
  return { key: (lastKey += 1), firstName: "", lastName: "", email: "" };
}

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

/** Whether a provider supports an operation, natively or composed. */
export function supports(provider: Provider, operation: Operation): boolean {
  return provider.capabilities.some((each) => each.operation === operation && each.support !== "UNSUPPORTED");
}

/** Names of the options in a provider's JSON schema, for the hint of the form. */
export function optionNames(provider: Provider): string {
  const schema = provider.optionsSchema as { properties?: Record<string, unknown> };
  return Object.keys(schema.properties ?? {}).join(", ") || "none";
}

/** Parses the options' JSON: an empty object where the text is blank, undefined where it is no JSON object. */
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

/** Input of createSession for a draft at a provider; sessions that no person signs have no participants. */
export function toCreateInput(draft: Draft, provider: Provider, options: Record<string, unknown>): Input {
  const people = provider.sessionKind === "SIGNING" ? draft.people : [];
  const fields = toInputFields(draft, supports(provider, "ADD_FIELD"), people);
  return { ...fields, provider: provider.name, ...(Object.keys(options).length && { options }) };
}

const fieldBox = { type: "Signature", page: 1, x: 72, width: 180, height: 36, required: true };

/** Input without a provider. With fields, each participant gets one on the first page, stacked upwards from the bottom. */
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
