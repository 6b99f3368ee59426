// Signature fields: the places on the documents where participants sign.
import { useState } from "preact/hooks";
import { mutate, type OnMutated, newIdempotencyKey } from "../../api/mutate";
import { AddField, type Detail, RemoveField } from "../../api/operations";
import { Icon, Panel } from "../../components/primitives";
import { SelectField, TextField } from "../../components/form-fields";
import { FormDialog } from "../../components/form-dialog";

export function FieldsPanel({ session, onMutated }: { session: Detail; onMutated: OnMutated }) {
  const [adding, setAdding] = useState(false);
  const [key, setKey] = useState(newIdempotencyKey);
  const remove = async (field: string) => onMutated((await mutate(RemoveField, { input: { field } })).problems);
  const document = (id: string) => session.documents.find((each) => each.id === id);
  const person = (id: string | undefined) => session.participants.find((each) => each.id === id);
  return (
    <Panel
      title="Fields"
      note="Where on the documents who signs, in points from the lower left corner of the page."
      side={
        session.actions.includes("ADD_FIELD") && (
          <button
            type="button"
            class="small"
            onClick={() => {
              setKey(newIdempotencyKey());
              setAdding(true);
            }}
          >
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
                <button type="button" class="small quiet" onClick={() => void remove(field.id)}>
                  Remove<span class="unseen"> the field</span>
                </button>
              </div>
            )}
          </li>
        ))}
      </ul>
      {adding && <FieldDialog key={key} session={session} onMutated={onMutated} onClose={() => setAdding(false)} />}
    </Panel>
  );
}

const measures = ["page", "x", "y", "width", "height"] as const;
const defaultMeasures = { page: "1", x: "72", y: "96", width: "180", height: "36" };
const measureLabels = { page: "Page", x: "From the left", y: "From below", width: "Width", height: "Height" };

function FieldDialog({ session, onMutated, onClose }: { session: Detail; onMutated: OnMutated; onClose: () => void }) {
  const documents = session.documents.filter((each) => each.role === "TO_SIGN");
  const [document, setDocument] = useState(documents[0]?.id ?? "");
  const [participant, setParticipant] = useState(session.participants[0]?.id ?? "");
  const [values, setValues] = useState<Record<(typeof measures)[number], string>>(defaultMeasures);

  function submit() {
    const [page, x, y, width, height] = measures.map((name) => Number(values[name])) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const input = { document, ...(participant && { participant }), page, x, y, width, height };
    return mutate(AddField, { input });
  }

  return (
    <FormDialog title="Add a field" submitLabel="Add" onSubmit={submit} onSuccess={() => onMutated([])} onClose={onClose}>
      <SelectField
        label="Document"
        value={document}
        onChange={setDocument}
        options={documents.map((each) => [each.id, each.title ?? each.filename ?? each.key] as const)}
      />
      <SelectField
        label="Who signs there"
        value={participant}
        onChange={setParticipant}
        options={session.participants.map((each) => [each.id, each.displayName ?? each.email ?? each.key] as const)}
      />
      <div class="measures">
        {measures.map((name) => (
          <TextField
            key={name}
            label={measureLabels[name]}
            type="number"
            value={values[name]}
            onChange={(value) => setValues({ ...values, [name]: value })}
            required
          />
        ))}
      </div>
    </FormDialog>
  );
}
