// Actions that a session's state permits, with the dialogs that confirm them and ask for their input.
import { useState } from "preact/hooks";
import { mutate, type OnMutated, newIdempotencyKey } from "../../api/mutate";
import {
  AddSelf,
  Cancel,
  Delete,
  type Detail,
  Duplicate,
  type Operation,
  type Problem,
  Recreate,
  SetOrder,
  Start,
  Update,
} from "../../api/operations";
import { SelectField, TextField } from "../../components/form-fields";
import { FormDialog } from "../../components/form-dialog";
import { navigate } from "../../route";

interface Props {
  session: Detail;
  onMutated: OnMutated;
  onDeleted: () => void;
}

const offeredActions = ["START_SESSION", "CANCEL_SESSION", "UPDATE_SESSION", "SET_SIGNING_ORDER", "ADD_SELF", "DUPLICATE_SESSION", "RECREATE_SESSION", "DELETE_SESSION"] as const; // prettier-ignore
type Action = (typeof offeredActions)[number];

const actionLabels: Record<Action, string> = {
  START_SESSION: "Start",
  CANCEL_SESSION: "Cancel…",
  UPDATE_SESSION: "Change…",
  SET_SIGNING_ORDER: "Signing order…",
  ADD_SELF: "Add yourself",
  DUPLICATE_SESSION: "Duplicate…",
  RECREATE_SESSION: "Start over…",
  DELETE_SESSION: "Delete…",
};

export function SessionActions({ session, onMutated, onDeleted }: Props) {
  const [confirming, setConfirming] = useState<Action>();
  const [busy, setBusy] = useState(false);
  const available = offeredActions.filter((name) => (session.actions as readonly Operation[]).includes(name));

  async function runOrConfirm(name: Action): Promise<void> {
    if (name !== "START_SESSION" && name !== "ADD_SELF") {
      setConfirming(name);
      return;
    }
    setBusy(true);
    const { problems } = await mutate(name === "ADD_SELF" ? AddSelf : Start, {
      input: { session: session.id, idempotencyKey: newIdempotencyKey() },
    });
    setBusy(false);
    onMutated(problems);
  }

  return (
    <div class="actions" role="group" aria-label="What can be done now">
      {available.map((name) => (
        <button
          key={name}
          type="button"
          disabled={busy}
          class={name === "START_SESSION" ? "main" : name === "DELETE_SESSION" || name === "CANCEL_SESSION" ? "danger" : ""}
          onClick={() => void runOrConfirm(name)}
        >
          {name === "START_SESSION" && busy ? "Starting…" : actionLabels[name]}
        </button>
      ))}
      {confirming && (
        <ActionDialog
          action={confirming}
          session={session}
          onMutated={onMutated}
          onDeleted={onDeleted}
          onClose={() => setConfirming(undefined)}
        />
      )}
    </div>
  );
}

const dialogTexts: Record<Exclude<Action, "START_SESSION" | "ADD_SELF">, { title: string; text: string; go: string }> = {
  CANCEL_SESSION: {
    title: "Cancel this session?",
    text: "Nobody can sign it any more. Those who were invited are told as far as the provider does that. This cannot be undone.",
    go: "Cancel the session",
  },
  UPDATE_SESSION: { title: "Change this session", text: "", go: "Save" },
  SET_SIGNING_ORDER: { title: "Signing order", text: "Whether all may sign at once, or one after the other.", go: "Save" },
  DUPLICATE_SESSION: {
    title: "Duplicate this session?",
    text: "A new draft with the same documents, participants and fields. This one stays as it is.",
    go: "Duplicate",
  },
  RECREATE_SESSION: {
    title: "Start over?",
    text: "A new draft with the same content is made, and this session is canceled.",
    go: "Start over",
  },
  DELETE_SESSION: {
    title: "Delete this session?",
    text: "It is removed at the provider, with its documents. This cannot be undone.",
    go: "Delete for good",
  },
};

function ActionDialog({ action, session, onMutated, onDeleted, onClose }: Props & { action: Action; onClose: () => void }) {
  const [title, setTitle] = useState(session.title ?? "");
  const [reason, setReason] = useState("");
  const [order, setOrder] = useState<string>(session.signingOrder);
  const [reminder, setReminder] = useState<string>(session.reminderFrequency ?? "");
  const [key] = useState(newIdempotencyKey);
  const { title: heading, text, go: label } = dialogTexts[action as keyof typeof dialogTexts];
  const needsReason = action === "CANCEL_SESSION" || action === "RECREATE_SESSION";
  const needsTitle = action === "UPDATE_SESSION" || action === "DUPLICATE_SESSION" || action === "RECREATE_SESSION";
  const destructive = action === "CANCEL_SESSION" || action === "DELETE_SESSION" || action === "RECREATE_SESSION";

  function after({ nextSession }: ActionResult): void {
    if (action === "DELETE_SESSION") onDeleted();
    else onMutated([]);
    if (nextSession && nextSession !== session.id) navigate("sessions", nextSession);
  }

  return (
    <FormDialog
      title={heading}
      submitLabel={label}
      cancelLabel={action === "CANCEL_SESSION" ? "Keep it" : "Never mind"}
      destructive={destructive}
      onSubmit={() => runAction(action, { session: session.id, idempotencyKey: key }, { title, reason, order, reminder })}
      onSuccess={after}
      onClose={onClose}
    >
      {text && <p>{text}</p>}
      {needsTitle && (
        <TextField label="Title" value={title} onChange={setTitle} required autofocus={action === "UPDATE_SESSION"} />
      )}
      {needsReason && (
        <TextField
          label="Reason"
          value={reason}
          onChange={setReason}
          lines={2}
          required
          autofocus={!needsTitle}
          hint="The provider keeps it, and may show it to the participants."
        />
      )}
      {action === "UPDATE_SESSION" && (
        <SelectField
          label="Reminders"
          value={reminder}
          onChange={setReminder}
          options={[
            ["", "As they are"],
            ["NEVER", "Never"],
            ["DAILY", "Daily"],
            ["WEEKLY", "Weekly"],
          ]}
        />
      )}
      {action === "SET_SIGNING_ORDER" && (
        <SelectField
          label="Order"
          value={order}
          onChange={setOrder}
          options={[
            ["PARALLEL", "All at once"],
            ["SEQUENTIAL", "One after the other"],
          ]}
        />
      )}
    </FormDialog>
  );
}

interface ActionResult {
  problems: readonly Problem[];
  nextSession?: string | undefined;
}

interface ActionInput {
  title: string;
  reason: string;
  order: string;
  reminder: string;
}

async function runAction(
  about: Action,
  base: { session: string; idempotencyKey: string },
  values: ActionInput,
): Promise<ActionResult> {
  const { title, reason, order, reminder } = values;
  switch (about) {
    case "CANCEL_SESSION":
      return mutate(Cancel, { input: { ...base, reason } });
    case "DELETE_SESSION":
      return mutate(Delete, { input: base });
    case "UPDATE_SESSION": {
      const wish = reminder ? { reminderFrequency: reminder as "NEVER" | "DAILY" | "WEEKLY" } : {};
      return mutate(Update, { input: { ...base, title, ...wish } });
    }
    case "SET_SIGNING_ORDER":
      return mutate(SetOrder, { input: { ...base, order: order as "PARALLEL" | "SEQUENTIAL" } });
    case "DUPLICATE_SESSION": {
      const { data, problems } = await mutate(Duplicate, { input: { ...base, title } });
      return { problems, nextSession: data?.result.session?.id };
    }
    case "RECREATE_SESSION": {
      const { data, problems } = await mutate(Recreate, { input: { ...base, title, reason } });
      return { problems, nextSession: data?.result.session?.id };
    }
    default:
      return { problems: [] };
  }
}
