// What is signed, what belongs to it, and what came of it.
import { useRef, useState } from "preact/hooks";
import { act, type Done } from "../../api/act";
import { saveDocument, stage } from "../../api/files";
import { AddDocument, type Detail, RemoveDocument, UpdateDocument } from "../../api/operation";
import { Empty, Icon, Panel, Pill } from "../../part/basic";
import { Download } from "../../part/download";
import { Text } from "../../part/field";
import { Question } from "../../part/question";
import { bytes, onceKey, say } from "../../word";

type Document = Detail["documents"][number];

const called = { TO_SIGN: "Document", ATTACHMENT: "Attachment", SIGNED: "Signed document", EVIDENCE: "Evidence" };

export function Documents({ session, done }: { session: Detail; done: Done }) {
  const file = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [failure, fail] = useState<string>();

  async function add(chosen: File): Promise<void> {
    setBusy(true);
    fail(undefined);
    try {
      const { id } = await stage(chosen);
      const input = {
        session: session.id,
        document: { upload: id, title: chosen.name.replace(/\.pdf$/i, "") },
        idempotencyKey: onceKey(),
      };
      done((await act(AddDocument, { input })).problems);
    } catch (error) {
      fail((error as Error).message);
    }
    setBusy(false);
  }

  return (
    <Panel
      title="Documents"
      side={
        session.actions.includes("ADD_DOCUMENT") && (
          <>
            <button type="button" class="small" disabled={busy} onClick={() => file.current?.click()}>
              <Icon name="plus" />
              {busy ? "Adding…" : "Add"}
            </button>
            <input
              ref={file}
              type="file"
              hidden
              aria-label="A document to add"
              onChange={(event) => {
                const chosen = event.currentTarget.files?.[0];
                event.currentTarget.value = "";
                if (chosen) void add(chosen);
              }}
            />
          </>
        )
      }
    >
      {failure && (
        <p class="trouble" role="alert">
          {failure}
        </p>
      )}
      {session.documents.length === 0 && <Empty title="No documents">The provider knows of none.</Empty>}
      <ul class="things">
        {session.documents.map((document) => (
          <One key={document.id} document={document} actions={session.actions} done={done} />
        ))}
      </ul>
    </Panel>
  );
}

function One({ document, actions, done }: { document: Document; actions: Detail["actions"]; done: Done }) {
  const [changing, change] = useState(false);
  const ours = document.role === "TO_SIGN" || document.role === "ATTACHMENT";
  const [failure, fail] = useState<string>();
  const name = document.title || document.filename || called[document.role];
  return (
    <li>
      <span class="avatar square" aria-hidden="true">
        <Icon name="file" />
      </span>
      <div class="what">
        <strong>{name}</strong>
        <small>
          {[
            name === called[document.role] ? null : say(document.role),
            document.filename !== name ? document.filename : null,
            document.sizeBytes == null ? null : bytes(document.sizeBytes),
            document.mediaType === "application/pdf" ? "PDF" : document.mediaType,
          ]
            .filter(Boolean)
            .join(" · ")}
        </small>
        {document.sha256 && (
          <small>
            SHA-256 <code title={document.sha256}>{document.sha256.slice(0, 16)}…</code>
          </small>
        )}
        {failure && <small class="bad">{failure}</small>}
      </div>
      <div class="state">
        <Pill word={document.status} />
      </div>
      <div class="acts">
        <Download save={() => saveDocument(document.id)} fail={fail}>
          {name}
        </Download>
        {ours && actions.includes("UPDATE_DOCUMENT") && (
          <button type="button" class="small quiet" onClick={() => change(true)}>
            Change<span class="unseen"> {name}</span>
          </button>
        )}
        {ours && actions.includes("REMOVE_DOCUMENT") && (
          <button
            type="button"
            class="small quiet"
            onClick={async () => done((await act(RemoveDocument, { input: { document: document.id } })).problems)}
          >
            Remove<span class="unseen"> {name}</span>
          </button>
        )}
      </div>
      {changing && <Changing document={document} done={done} close={() => change(false)} />}
    </li>
  );
}

function Changing({ document, done, close }: { document: Document; done: Done; close: () => void }) {
  const [title, setTitle] = useState(document.title ?? "");
  const [description, setDescription] = useState(document.description ?? "");

  function carryOut() {
    const input = { document: document.id, title, ...(description !== (document.description ?? "") && { description }) };
    return act(UpdateDocument, { input });
  }

  return (
    <Question title="Change a document" verb="Save" carryOut={carryOut} done={() => done([])} close={close}>
      <Text label="Title" value={title} set={setTitle} required autofocus />
      <Text label="Description" optional value={description} set={setDescription} lines={2} />
    </Question>
  );
}
