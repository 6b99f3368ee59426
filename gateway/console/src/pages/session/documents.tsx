// Documents of a session: originals, attachments, signed documents and evidence.
import { useRef, useState } from "preact/hooks";
import { mutate, type OnMutated, newIdempotencyKey } from "../../api/mutate";
import { downloadDocument, uploadFile } from "../../api/files";
import { AddDocument, type Detail, RemoveDocument, UpdateDocument } from "../../api/operations";
import { EmptyState, Icon, Panel, StatusBadge } from "../../components/primitives";
import { DownloadButton } from "../../components/download-button";
import { TextField } from "../../components/form-fields";
import { FormDialog } from "../../components/form-dialog";
import { formatBytes } from "../../format";
import { labelFor } from "../../labels";

type Document = Detail["documents"][number];

const roleLabels = { TO_SIGN: "Document", ATTACHMENT: "Attachment", SIGNED: "Signed document", EVIDENCE: "Evidence" };

export function DocumentsPanel({ session, onMutated }: { session: Detail; onMutated: OnMutated }) {
  const file = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();

  async function add(selected: File): Promise<void> {
    setBusy(true);
    setFailure(undefined);
    try {
      const { id } = await uploadFile(selected);
      const input = {
        session: session.id,
        document: { upload: id, title: selected.name.replace(/\.pdf$/i, "") },
        idempotencyKey: newIdempotencyKey(),
      };
      onMutated((await mutate(AddDocument, { input })).problems);
    } catch (error) {
      setFailure((error as Error).message);
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
                const selected = event.currentTarget.files?.[0];
                event.currentTarget.value = "";
                if (selected) void add(selected);
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
      {session.documents.length === 0 && <EmptyState title="No documents">The provider knows of none.</EmptyState>}
      <ul class="things">
        {session.documents.map((document) => (
          <DocumentItem key={document.id} document={document} actions={session.actions} onMutated={onMutated} />
        ))}
      </ul>
    </Panel>
  );
}

function DocumentItem({
  document,
  actions,
  onMutated,
}: {
  document: Document;
  actions: Detail["actions"];
  onMutated: OnMutated;
}) {
  const [editing, setEditing] = useState(false);
  const editable = document.role === "TO_SIGN" || document.role === "ATTACHMENT";
  const [failure, setFailure] = useState<string>();
  const remove = async () => onMutated((await mutate(RemoveDocument, { input: { document: document.id } })).problems);
  const name = document.title || document.filename || roleLabels[document.role];
  return (
    <li>
      <span class="avatar square" aria-hidden="true">
        <Icon name="file" />
      </span>
      <div class="what">
        <strong>{name}</strong>
        <small>
          {[
            name === roleLabels[document.role] ? null : labelFor(document.role),
            document.filename !== name ? document.filename : null,
            document.sizeBytes == null ? null : formatBytes(document.sizeBytes),
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
        <StatusBadge value={document.status} />
      </div>
      <div class="acts">
        <DownloadButton download={() => downloadDocument(document.id)} onError={setFailure}>
          {name}
        </DownloadButton>
        {editable && actions.includes("UPDATE_DOCUMENT") && (
          <button type="button" class="small quiet" onClick={() => setEditing(true)}>
            Change<span class="unseen"> {name}</span>
          </button>
        )}
        {editable && actions.includes("REMOVE_DOCUMENT") && (
          <button type="button" class="small quiet" onClick={() => void remove()}>
            Remove<span class="unseen"> {name}</span>
          </button>
        )}
      </div>
      {editing && <DocumentDialog document={document} onMutated={onMutated} onClose={() => setEditing(false)} />}
    </li>
  );
}

function DocumentDialog({ document, onMutated, onClose }: { document: Document; onMutated: OnMutated; onClose: () => void }) {
  const [title, setTitle] = useState(document.title ?? "");
  const [description, setDescription] = useState(document.description ?? "");

  function submit() {
    const input = { document: document.id, title, ...(description !== (document.description ?? "") && { description }) };
    return mutate(UpdateDocument, { input });
  }

  return (
    <FormDialog
      title="Change a document"
      submitLabel="Save"
      onSubmit={submit}
      onSuccess={() => onMutated([])}
      onClose={onClose}
    >
      <TextField label="Title" value={title} onChange={setTitle} required autofocus />
      <TextField label="Description" optional value={description} onChange={setDescription} lines={2} />
    </FormDialog>
  );
}
