// What can be done with a session now, and the questions that come before it.
import { useState } from "preact/hooks";
import { act, type Done } from "../../api/act";
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
} from "../../api/operation";
import { Select, Text } from "../../part/field";
import { Question } from "../../part/question";
import { go } from "../../route";
import { onceKey } from "../../word";

interface Props {
  session: Detail;
  done: Done;
  gone: () => void;
}

const offered = ["START_SESSION", "CANCEL_SESSION", "UPDATE_SESSION", "SET_SIGNING_ORDER", "ADD_SELF", "DUPLICATE_SESSION", "RECREATE_SESSION", "DELETE_SESSION"] as const; // prettier-ignore
type Offered = (typeof offered)[number];

const names: Record<Offered, string> = {
  START_SESSION: "Start",
  CANCEL_SESSION: "Cancel…",
  UPDATE_SESSION: "Change…",
  SET_SIGNING_ORDER: "Signing order…",
  ADD_SELF: "Add yourself",
  DUPLICATE_SESSION: "Duplicate…",
  RECREATE_SESSION: "Start over…",
  DELETE_SESSION: "Delete…",
};

export function Actions({ session, done, gone }: Props) {
  const [asking, ask] = useState<Offered>();
  const [busy, setBusy] = useState(false);
  const possible = offered.filter((name) => (session.actions as readonly Operation[]).includes(name));

  async function at(name: Offered): Promise<void> {
    if (name !== "START_SESSION" && name !== "ADD_SELF") return ask(name);
    setBusy(true);
    const { problems } = await act(name === "ADD_SELF" ? AddSelf : Start, {
      input: { session: session.id, idempotencyKey: onceKey() },
    });
    setBusy(false);
    done(problems);
  }

  return (
    <div class="actions" role="group" aria-label="What can be done now">
      {possible.map((name) => (
        <button
          key={name}
          type="button"
          disabled={busy}
          class={name === "START_SESSION" ? "main" : name === "DELETE_SESSION" || name === "CANCEL_SESSION" ? "danger" : ""}
          onClick={() => void at(name)}
        >
          {name === "START_SESSION" && busy ? "Starting…" : names[name]}
        </button>
      ))}
      {asking && <Asking about={asking} session={session} done={done} gone={gone} close={() => ask(undefined)} />}
    </div>
  );
}

const texts: Record<Exclude<Offered, "START_SESSION" | "ADD_SELF">, { title: string; text: string; go: string }> = {
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

function Asking({ about, session, done, gone, close }: Props & { about: Offered; close: () => void }) {
  const [title, setTitle] = useState(session.title ?? "");
  const [reason, setReason] = useState("");
  const [order, setOrder] = useState<string>(session.signingOrder);
  const [reminder, setReminder] = useState<string>(session.reminderFrequency ?? "");
  const [key] = useState(onceKey);
  const { title: heading, text, go: label } = texts[about as keyof typeof texts];
  const reasoned = about === "CANCEL_SESSION" || about === "RECREATE_SESSION";
  const titled = about === "UPDATE_SESSION" || about === "DUPLICATE_SESSION" || about === "RECREATE_SESSION";
  const dangerous = about === "CANCEL_SESSION" || about === "DELETE_SESSION" || about === "RECREATE_SESSION";

  function after({ leads }: Outcome): void {
    if (about === "DELETE_SESSION") gone();
    else done([]);
    if (leads && leads !== session.id) go("sessions", leads);
  }

  return (
    <Question
      title={heading}
      verb={label}
      no={about === "CANCEL_SESSION" ? "Keep it" : "Never mind"}
      dangerous={dangerous}
      carryOut={() => carry(about, { session: session.id, idempotencyKey: key }, { title, reason, order, reminder })}
      done={after}
      close={close}
    >
      {text && <p>{text}</p>}
      {titled && <Text label="Title" value={title} set={setTitle} required autofocus={about === "UPDATE_SESSION"} />}
      {reasoned && (
        <Text
          label="Reason"
          value={reason}
          set={setReason}
          lines={2}
          required
          autofocus={!titled}
          hint="The provider keeps it, and may show it to the participants."
        />
      )}
      {about === "UPDATE_SESSION" && (
        <Select
          label="Reminders"
          value={reminder}
          set={setReminder}
          options={[
            ["", "As they are"],
            ["NEVER", "Never"],
            ["DAILY", "Daily"],
            ["WEEKLY", "Weekly"],
          ]}
        />
      )}
      {about === "SET_SIGNING_ORDER" && (
        <Select
          label="Order"
          value={order}
          set={setOrder}
          options={[
            ["PARALLEL", "All at once"],
            ["SEQUENTIAL", "One after the other"],
          ]}
        />
      )}
    </Question>
  );
}

interface Outcome {
  problems: readonly Problem[];
  leads?: string | undefined;
}

interface Given {
  title: string;
  reason: string;
  order: string;
  reminder: string;
}

async function carry(about: Offered, common: { session: string; idempotencyKey: string }, given: Given): Promise<Outcome> {
  const { title, reason, order, reminder } = given;
  switch (about) {
    case "CANCEL_SESSION":
      return act(Cancel, { input: { ...common, reason } });
    case "DELETE_SESSION":
      return act(Delete, { input: common });
    case "UPDATE_SESSION": {
      const wish = reminder ? { reminderFrequency: reminder as "NEVER" | "DAILY" | "WEEKLY" } : {};
      return act(Update, { input: { ...common, title, ...wish } });
    }
    case "SET_SIGNING_ORDER":
      return act(SetOrder, { input: { ...common, order: order as "PARALLEL" | "SEQUENTIAL" } });
    case "DUPLICATE_SESSION": {
      const { data, problems } = await act(Duplicate, { input: { ...common, title } });
      return { problems, leads: data?.result.session?.id };
    }
    case "RECREATE_SESSION": {
      const { data, problems } = await act(Recreate, { input: { ...common, title, reason } });
      return { problems, leads: data?.result.session?.id };
    }
    default:
      return { problems: [] };
  }
}
