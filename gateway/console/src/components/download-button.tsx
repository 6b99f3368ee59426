// Download button: saves a file, and reports a failure to its parent, which shows it beside the file.
import type { ComponentChildren } from "preact";
import { Icon } from "./primitives";

export function DownloadButton(props: {
  download: () => Promise<void>;
  onError: (message: string | undefined) => void;
  children: ComponentChildren;
}) {
  return (
    <button
      type="button"
      class="small"
      onClick={() => {
        props.onError(undefined);
        props.download().catch((error: unknown) => props.onError((error as Error).message));
      }}
    >
      <Icon name="down" />
      Download<span class="unseen"> {props.children}</span>
    </button>
  );
}
