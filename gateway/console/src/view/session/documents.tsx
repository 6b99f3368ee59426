// What is signed, what belongs to it, and what came of it.
import { useRef, useState } from "preact/hooks";
import { act } from "../../api/act";
import { saveDocument, stage } from "../../api/files";
import { AddDocument, type Detail, type Problem, RemoveDocument, UpdateDocument } from "../../api/operation";
import { Empty, Icon, Panel, Pill } from "../../part/basic";
import { Dialog } from "../../part/dialog";
import { Text } from "../../part/field";
import { Problems } from "../../part/trouble";
import { bytes, onceKey, say } from "../../word";

type Done = (problems: readonly Problem[]) => void;
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
        <button
          type="button"
          class="small"
          onClick={() => {
            fail(undefined);
            saveDocument(document.id).catch((error: Error) => fail(error.message));
          }}
        >
          <Icon name="down" />
          Download<span class="unseen"> {name}</span>
        </button>
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
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [busy, setBusy] = useState(false);

  async function carryOut(event: Event): Promise<void> {
    event.preventDefault();
    setBusy(true);
    const input = { document: document.id, title, ...(description !== (document.description ?? "") && { description }) };
    const { problems: found } = await act(UpdateDocument, { input });
    setBusy(false);
    setProblems(found);
    if (found.length) return;
    close();
    done([]);
  }

  return (
    <Dialog title="Change a document" close={close}>
      <form onSubmit={(event) => void carryOut(event)}>
        <Text label="Title" value={title} set={setTitle} required autofocus />
        <Text label="Description" optional value={description} set={setDescription} lines={2} />
        <Problems problems={problems} />
        <footer>
          <button type="button" class="quiet" onClick={close}>
            Never mind
          </button>
          <button type="submit" class="main" disabled={busy}>
            {busy ? "One moment…" : "Save"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
