// Labels and tones of the schema's enum values.
export type Tone = "good" | "active" | "wait" | "bad" | "neutral";

const tones: Record<string, Tone> = {
  // sessions
  DRAFT: "neutral", READY: "neutral", PENDING: "wait", IN_PROGRESS: "active", PROCESSING: "active", COMPLETED: "good",
  PARTIALLY_COMPLETED: "wait", DECLINED: "bad", CANCELED: "neutral", EXPIRED: "neutral", FAILED: "bad", DELETED: "neutral",
  UNKNOWN: "neutral",
  // participants and documents
  WAITING: "neutral", INVITED: "wait", VIEWED: "active", SIGNED: "good",
  // providers
  UP: "good", DEGRADED: "wait", DOWN: "bad", CLOSED: "good", HALF_OPEN: "wait", OPEN: "bad",
  CONNECTED: "good", AUTHORIZATION_REQUIRED: "wait", REFUSED: "bad",
  // signatures
  VALID: "good", INVALID: "bad", INDETERMINATE: "wait", NOT_CHECKED: "neutral",
  // sources
  FRESH: "good", STALE: "wait", UNAVAILABLE: "bad", TIMED_OUT: "bad", UNAUTHORIZED: "bad",
  // webhooks
  VERIFIED: "good", REJECTED: "bad", NOT_CONFIGURED: "neutral", PROCESSED: "good", IGNORED: "neutral",
}; // prettier-ignore

export function toneFor(value: string): Tone {
  return tones[value] ?? "neutral";
}

const irregularLabels: Record<string, string> = {
  SIGNING: "Signing", SEALING: "Sealing", RECORD: "Record", UP: "Up", DOWN: "Down",
  ADD_SELF: "Add yourself", CADES: "CAdES", PADES: "PAdES", XADES: "XAdES", XMLDSIG: "XMLDSig", TO_SIGN: "To sign",
  MUTATION: "Our own call", READ: "Read", POLL: "Polling", WEBHOOK: "Webhook", DERIVED: "Worked out",
}; // prettier-ignore

/** Label of an enum value: IN_PROGRESS is "In progress", unless it has an irregular one. */
export function labelFor(value: string): string {
  return irregularLabels[value] ?? value.charAt(0) + value.slice(1).toLowerCase().replaceAll("_", " ");
}

export const statuses = [
  "DRAFT", "READY", "PENDING", "IN_PROGRESS", "PROCESSING", "COMPLETED", "PARTIALLY_COMPLETED", "DECLINED", "CANCELED", "EXPIRED",
  "FAILED", "DELETED", "UNKNOWN",
] as const; // prettier-ignore

export const kinds = ["SIGNING", "SEALING", "RECORD"] as const;
