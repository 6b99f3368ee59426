// Participants of a session with their progress: add, change, remove, copy the signing link.
import { useState } from "preact/hooks";
import { mutate, type OnMutated, newIdempotencyKey } from "../../api/mutate";
import { client } from "../../api/client";
import {
  AddParticipant,
  type Detail,
  type Problem,
  RemoveParticipant,
  SigningLinks,
  UpdateParticipant,
} from "../../api/operations";
import { RelativeTime, Icon, Panel, StatusBadge } from "../../components/primitives";
import { TextField } from "../../components/form-fields";
import { FormDialog } from "../../components/form-dialog";
import { pluralize } from "../../format";
import { labelFor } from "../../labels";

type Person = Detail["participants"][number];

export function ParticipantsPanel({ session, onMutated }: { session: Detail; onMutated: OnMutated }) {
  const [editing, setEditing] = useState<Person | "new">();
  const remove = async (participant: string) =>
    onMutated((await mutate(RemoveParticipant, { input: { participant } })).problems);
  const changeable = session.actions.includes("UPDATE_PARTICIPANT");
  const open =
    !session.final && session.participants.some((person) => person.status === "INVITED" || person.status === "VIEWED");
  return (
    <Panel
      title="Participants"
      note={
        session.participants.length
          ? `${pluralize(session.participants.length, "person", "people")}${session.participants.length > 1 ? `, ${session.signingOrder === "SEQUENTIAL" ? "one after the other" : "all at once"}` : ""}`
          : "Nobody yet"
      }
      side={
        session.actions.includes("ADD_PARTICIPANT") && (
          <button type="button" class="small" onClick={() => setEditing("new")}>
            <Icon name="plus" />
            Add
          </button>
        )
      }
    >
      <ul class="things">
        {session.participants.map((person) => (
          <li key={person.id}>
            <span class="avatar" aria-hidden="true">
              {initials(person.displayName ?? person.email ?? "?")}
            </span>
            <div class="what">
              <strong>{person.displayName ?? person.email ?? person.key}</strong>
              <small>
                {[person.email, person.phone, person.role === "SIGNER" ? null : labelFor(person.role)]
                  .filter(Boolean)
                  .join(" · ") || "No address known"}
              </small>
              {person.declineReason && <small>“{person.declineReason}”</small>}
            </div>
            <div class="state">
              <StatusBadge value={person.status} />
              <small>
                {person.signedAt ? (
                  <RelativeTime time={person.signedAt} />
                ) : (
                  person.providerStatus && <code>{person.providerStatus}</code>
                )}
              </small>
            </div>
            {(open || changeable || session.actions.includes("REMOVE_PARTICIPANT")) && (
              <div class="acts">
                {open && (person.status === "INVITED" || person.status === "VIEWED") && (
                  <SigningLinkButton session={session.id} person={person.id} />
                )}
                {changeable && (
                  <button type="button" class="small quiet" onClick={() => setEditing(person)}>
                    Change<span class="unseen"> {person.displayName}</span>
                  </button>
                )}
                {session.actions.includes("REMOVE_PARTICIPANT") && (
                  <button type="button" class="small quiet" onClick={() => void remove(person.id)}>
                    Remove<span class="unseen"> {person.displayName}</span>
                  </button>
                )}
              </div>
            )}
          </li>
        ))}
      </ul>
      {editing && (
        <ParticipantDialog
          session={session.id}
          person={editing === "new" ? undefined : editing}
          onMutated={onMutated}
          onClose={() => setEditing(undefined)}
        />
      )}
    </Panel>
  );
}

function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  return ((words[0]?.[0] ?? "?") + (words.length > 1 ? (words.at(-1)?.[0] ?? "") : "")).toUpperCase();
}

/** Copies a participant's signing link. The link is queried on the click and no sooner, as it is a bearer credential. */
function SigningLinkButton({ session, person }: { session: string; person: string }) {
  const [message, setMessage] = useState<string>();
  async function copy(): Promise<void> {
    const { data, error } = await client.query(SigningLinks, { id: session }, { requestPolicy: "network-only" }).toPromise();
    const url = data?.session?.participants.find((each) => each.id === person)?.signingUrl;
    if (!url) {
      setMessage(error?.graphQLErrors[0]?.message ?? "The provider gives no link");
      return;
    }
    await navigator.clipboard.writeText(url).then(
      () => setMessage("Copied"),
      () => setMessage("The browser does not let us copy"),
    );
  }
  return (
    <button type="button" class="small quiet" onClick={() => void copy()} aria-live="polite">
      {message ?? "Copy signing link"}
    </button>
  );
}

/** Form for a new participant, or for changes of an existing one. */
function ParticipantDialog({
  session,
  person,
  onMutated,
  onClose,
}: {
  session: string;
  person?: Person | undefined;
  onMutated: OnMutated;
  onClose: () => void;
}) {
  const [values, setValues] = useState({
    firstName: person?.firstName ?? "",
    lastName: person?.lastName ?? "",
    email: person?.email ?? "",
  });
  const [key] = useState(newIdempotencyKey);
  const change = (name: keyof typeof values) => (value: string) => setValues({ ...values, [name]: value });

  function submit(): Promise<{ problems: readonly Problem[] }> {
    return person
      ? mutate(UpdateParticipant, { input: { participant: person.id, ...values } })
      : mutate(AddParticipant, { input: { session, participant: values, idempotencyKey: key } });
  }

  return (
    <FormDialog
      title={person ? "Change a participant" : "Add a participant"}
      submitLabel={person ? "Save" : "Add"}
      onSubmit={submit}
      onSuccess={() => onMutated([])}
      onClose={onClose}
    >
      <div class="pair">
        <TextField label="First name" value={values.firstName} onChange={change("firstName")} required autofocus />
        <TextField label="Last name" value={values.lastName} onChange={change("lastName")} required />
      </div>
      <TextField label="E-mail" type="email" value={values.email} onChange={change("email")} required />
    </FormDialog>
  );
}
