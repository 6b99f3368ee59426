// Document uploads of a new session: each file is uploaded as soon as it is selected or dropped.
import { useRef, useState } from "preact/hooks";
import { uploadFile, type StagedFile } from "../../api/files";
import { Icon } from "../../components/primitives";
import { formatBytes } from "../../format";

interface Props {
  files: readonly StagedFile[];
  onChange: (files: readonly StagedFile[]) => void;
  errorAt: (...path: string[]) => string | undefined;
}

export function DocumentUploads({ files, onChange, errorAt }: Props) {
  const fileInput = useRef<HTMLInputElement>(null);
  const [uploading, setUploading] = useState<readonly string[]>([]);
  const [failures, setFailures] = useState<readonly string[]>([]);
  const [dragging, setDragging] = useState(false);

  async function upload(selected: readonly File[]): Promise<void> {
    setUploading(selected.map((file) => file.name));
    setFailures([]);
    const results = await Promise.allSettled(selected.map(uploadFile));
    setUploading([]);
    onChange([...files, ...results.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []))]);
    setFailures(
      results.flatMap((each, index) =>
        each.status === "rejected" ? [`${selected[index]?.name}: ${(each.reason as Error).message}`] : [],
      ),
    );
  }

  return (
    <div class="field">
      <span class="label" id="files-label">
        Documents
      </span>
      {files.length > 0 && (
        <ul class="things tight">
          {files.map((file, index) => (
            <li key={file.id}>
              <span class="avatar square" aria-hidden="true">
                <Icon name="file" />
              </span>
              <div class="what">
                <strong>{file.filename ?? "Document"}</strong>
                <small>{formatBytes(file.sizeBytes)}</small>
                {errorAt("documents", String(index)) && <small class="bad">{errorAt("documents", String(index))}</small>}
              </div>
              <div class="acts">
                <button type="button" class="small quiet" onClick={() => onChange(files.filter((each) => each !== file))}>
                  Remove<span class="unseen"> {file.filename}</span>
                </button>
              </div>
            </li>
          ))}
        </ul>
      )}
      <button
        type="button"
        class={`drop ${dragging ? "over" : ""}`}
        aria-describedby="files-label"
        onClick={() => fileInput.current?.click()}
        onDragOver={(event) => {
          event.preventDefault();
          setDragging(true);
        }}
        onDragLeave={() => setDragging(false)}
        onDrop={(event) => {
          event.preventDefault();
          setDragging(false);
          void upload([...(event.dataTransfer?.files ?? [])]);
        }}
      >
        <Icon name="file" />
        {uploading.length ? `Bringing ${uploading.join(", ")}…` : "Choose files, or drop them here"}
      </button>
      <input
        ref={fileInput}
        type="file"
        hidden
        multiple
        aria-label="Documents to sign"
        onChange={(event) => {
          const selected = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = "";
          void upload(selected);
        }}
      />
      {errorAt("documents") && <p class="said bad">{errorAt("documents")}</p>}
      {failures.map((failure) => (
        <p class="said bad" role="alert" key={failure}>
          {failure}
        </p>
      ))}
    </div>
  );
}
