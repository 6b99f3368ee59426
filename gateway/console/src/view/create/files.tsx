// The files of a new session. Each is brought to the gateway as soon as it is chosen.
import { useRef, useState } from "preact/hooks";
import { stage, type Staged } from "../../api/files";
import { Icon } from "../../part/basic";
import { bytes } from "../../word";

interface Props {
  files: readonly Staged[];
  set: (files: readonly Staged[]) => void;
  wrong: (...path: string[]) => string | undefined;
}

export function Files({ files, set, wrong }: Props) {
  const choose = useRef<HTMLInputElement>(null);
  const [coming, setComing] = useState<readonly string[]>([]);
  const [failures, setFailures] = useState<readonly string[]>([]);
  const [over, setOver] = useState(false);

  async function take(chosen: readonly File[]): Promise<void> {
    setComing(chosen.map((file) => file.name));
    setFailures([]);
    const come = await Promise.allSettled(chosen.map(stage));
    setComing([]);
    set([...files, ...come.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []))]);
    setFailures(
      come.flatMap((each, place) =>
        each.status === "rejected" ? [`${chosen[place]?.name}: ${(each.reason as Error).message}`] : [],
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
          {files.map((file, place) => (
            <li key={file.id}>
              <span class="avatar square" aria-hidden="true">
                <Icon name="file" />
              </span>
              <div class="what">
                <strong>{file.filename ?? "Document"}</strong>
                <small>{bytes(file.sizeBytes)}</small>
                {wrong("documents", String(place)) && <small class="bad">{wrong("documents", String(place))}</small>}
              </div>
              <div class="acts">
                <button type="button" class="small quiet" onClick={() => set(files.filter((each) => each !== file))}>
                  Remove<span class="unseen"> {file.filename}</span>
                </button>
              </div>
            </li>
          ))}
        </ul>
      )}
      <button
        type="button"
        class={`drop ${over ? "over" : ""}`}
        aria-describedby="files-label"
        onClick={() => choose.current?.click()}
        onDragOver={(event) => (event.preventDefault(), setOver(true))}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          void take([...(event.dataTransfer?.files ?? [])]);
        }}
      >
        <Icon name="file" />
        {coming.length ? `Bringing ${coming.join(", ")}…` : "Choose files, or drop them here"}
      </button>
      <input
        ref={choose}
        type="file"
        hidden
        multiple
        aria-label="Documents to sign"
        onChange={(event) => {
          const chosen = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = "";
          void take(chosen);
        }}
      />
      {wrong("documents") && <p class="said bad">{wrong("documents")}</p>}
      {failures.map((failure) => (
        <p class="said bad" role="alert" key={failure}>
          {failure}
        </p>
      ))}
    </div>
  );
}
