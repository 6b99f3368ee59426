// Who takes part, and how far each has come.
import { useState } from "preact/hooks";
import { act, type Done } from "../../api/act";
import { client } from "../../api/client";
import {
  AddParticipant,
  type Detail,
  type Problem,
  RemoveParticipant,
  SigningLinks,
  UpdateParticipant,
} from "../../api/operation";
import { Ago, Icon, Panel, Pill } from "../../part/basic";
import { Text } from "../../part/field";
import { Question } from "../../part/question";
import { many, onceKey, say } from "../../word";

type Person = Detail["participants"][number];

export function Participants({ session, done }: { session: Detail; done: Done }) {
  const [asking, ask] = useState<Person | "new">();
  const changeable = session.actions.includes("UPDATE_PARTICIPANT");
  const open =
    !session.final && session.participants.some((person) => person.status === "INVITED" || person.status === "VIEWED");
  return (
    <Panel
      title="Participants"
      note={
        session.participants.length
          ? `${many(session.participants.length, "person", "people")}${session.participants.length > 1 ? `, ${session.signingOrder === "SEQUENTIAL" ? "one after the other" : "all at once"}` : ""}`
          : "Nobody yet"
      }
      side={
        session.actions.includes("ADD_PARTICIPANT") && (
          <button type="button" class="small" onClick={() => ask("new")}>
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
                {[person.email, person.phone, person.role === "SIGNER" ? null : say(person.role)].filter(Boolean).join(" · ") ||
                  "No address known"}
              </small>
              {person.declineReason && <small>“{person.declineReason}”</small>}
            </div>
            <div class="state">
              <Pill word={person.status} />
              <small>
                {person.signedAt ? (
                  <Ago time={person.signedAt} />
                ) : (
                  person.providerStatus && <code>{person.providerStatus}</code>
                )}
              </small>
            </div>
            {(open || changeable || session.actions.includes("REMOVE_PARTICIPANT")) && (
              <div class="acts">
                {open && (person.status === "INVITED" || person.status === "VIEWED") && (
                  <Link session={session.id} person={person.id} />
                )}
                {changeable && (
                  <button type="button" class="small quiet" onClick={() => ask(person)}>
                    Change<span class="unseen"> {person.displayName}</span>
                  </button>
                )}
                {session.actions.includes("REMOVE_PARTICIPANT") && (
                  <button
                    type="button"
                    class="small quiet"
                    onClick={async () => done((await act(RemoveParticipant, { input: { participant: person.id } })).problems)}
                  >
                    Remove<span class="unseen"> {person.displayName}</span>
                  </button>
                )}
              </div>
            )}
          </li>
        ))}
      </ul>
      {asking && (
        <Asking session={session.id} person={asking === "new" ? undefined : asking} done={done} close={() => ask(undefined)} />
      )}
    </Panel>
  );
}

function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  return ((words[0]?.[0] ?? "?") + (words.length > 1 ? (words.at(-1)?.[0] ?? "") : "")).toUpperCase();
}

/** The link where a person signs. It is asked for when it is wanted, and no sooner: whoever has it can sign. */
function Link({ session, person }: { session: string; person: string }) {
  const [said, say] = useState<string>();
  async function copy(): Promise<void> {
    const { data, error } = await client.query(SigningLinks, { id: session }, { requestPolicy: "network-only" }).toPromise();
    const url = data?.session?.participants.find((each) => each.id === person)?.signingUrl;
    if (!url) return say(error?.graphQLErrors[0]?.message ?? "The provider gives no link");
    await navigator.clipboard.writeText(url).then(
      () => say("Copied"),
      () => say("The browser does not let us copy"),
    );
  }
  return (
    <button type="button" class="small quiet" onClick={() => void copy()} aria-live="polite">
      {said ?? "Copy signing link"}
    </button>
  );
}

/** Asks who somebody is: somebody new, or one who is there already. */
function Asking({
  session,
  person,
  done,
  close,
}: {
  session: string;
  person?: Person | undefined;
  done: Done;
  close: () => void;
}) {
  const [given, set] = useState({
    firstName: person?.firstName ?? "",
    lastName: person?.lastName ?? "",
    email: person?.email ?? "",
  });
  const [key] = useState(onceKey);
  const change = (name: keyof typeof given) => (value: string) => set({ ...given, [name]: value });

  function carryOut(): Promise<{ problems: readonly Problem[] }> {
    return person
      ? act(UpdateParticipant, { input: { participant: person.id, ...given } })
      : act(AddParticipant, { input: { session, participant: given, idempotencyKey: key } });
  }

  return (
    <Question
      title={person ? "Change a participant" : "Add a participant"}
      verb={person ? "Save" : "Add"}
      carryOut={carryOut}
      done={() => done([])}
      close={close}
    >
      <div class="pair">
        <Text label="First name" value={given.firstName} set={change("firstName")} required autofocus />
        <Text label="Last name" value={given.lastName} set={change("lastName")} required />
      </div>
      <Text label="E-mail" type="email" value={given.email} set={change("email")} required />
    </Question>
  );
}
