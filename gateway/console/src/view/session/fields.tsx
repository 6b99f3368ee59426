// Where on the documents who signs.
import { useState } from "preact/hooks";
import { act, type Done } from "../../api/act";
import { AddField, type Detail, RemoveField } from "../../api/operation";
import { Icon, Panel } from "../../part/basic";
import { Select, Text } from "../../part/field";
import { Question } from "../../part/question";
import { onceKey } from "../../word";

export function Fields({ session, done }: { session: Detail; done: Done }) {
  const [adding, add] = useState(false);
  const [key, setKey] = useState(onceKey);
  const document = (id: string) => session.documents.find((each) => each.id === id);
  const person = (id: string | undefined) => session.participants.find((each) => each.id === id);
  return (
    <Panel
      title="Fields"
      note="Where on the documents who signs, in points from the lower left corner of the page."
      side={
        session.actions.includes("ADD_FIELD") && (
          <button type="button" class="small" onClick={() => (setKey(onceKey()), add(true))}>
            <Icon name="plus" />
            Add<span class="unseen"> a field</span>
          </button>
        )
      }
    >
      {session.fields.length === 0 && <p class="none">No field has been placed.</p>}
      <ul class="things">
        {session.fields.map((field) => (
          <li key={field.id}>
            <div class="what">
              <strong>{person(field.participant?.id)?.displayName ?? "Anybody"}</strong>
              <small>
                {field.type}, page {field.page} of {document(field.document.id)?.title ?? "a document"}, at {field.x} ×{" "}
                {field.y}, {field.width} × {field.height} large{field.required ? "" : ", optional"}
              </small>
            </div>
            {session.actions.includes("REMOVE_FIELD") && (
              <div class="acts">
                <button
                  type="button"
                  class="small quiet"
                  onClick={async () => done((await act(RemoveField, { input: { field: field.id } })).problems)}
                >
                  Remove<span class="unseen"> the field</span>
                </button>
              </div>
            )}
          </li>
        ))}
      </ul>
      {adding && <Adding key={key} session={session} done={done} close={() => add(false)} />}
    </Panel>
  );
}

const measures = ["page", "x", "y", "width", "height"] as const;
const usual = { page: "1", x: "72", y: "96", width: "180", height: "36" };
const called = { page: "Page", x: "From the left", y: "From below", width: "Width", height: "Height" };

function Adding({ session, done, close }: { session: Detail; done: Done; close: () => void }) {
  const documents = session.documents.filter((each) => each.role === "TO_SIGN");
  const [document, setDocument] = useState(documents[0]?.id ?? "");
  const [participant, setParticipant] = useState(session.participants[0]?.id ?? "");
  const [given, set] = useState<Record<(typeof measures)[number], string>>(usual);

  function carryOut() {
    const [page, x, y, width, height] = measures.map((name) => Number(given[name])) as [number, number, number, number, number];
    const input = { document, ...(participant && { participant }), page, x, y, width, height };
    return act(AddField, { input });
  }

  return (
    <Question title="Add a field" verb="Add" carryOut={carryOut} done={() => done([])} close={close}>
      <Select
        label="Document"
        value={document}
        set={setDocument}
        options={documents.map((each) => [each.id, each.title ?? each.filename ?? each.key] as const)}
      />
      <Select
        label="Who signs there"
        value={participant}
        set={setParticipant}
        options={session.participants.map((each) => [each.id, each.displayName ?? each.email ?? each.key] as const)}
      />
      <div class="measures">
        {measures.map((name) => (
          <Text
            key={name}
            label={called[name]}
            type="number"
            value={given[name]}
            set={(value) => set({ ...given, [name]: value })}
            required
          />
        ))}
      </div>
    </Question>
  );
}
