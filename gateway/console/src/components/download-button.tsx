// A button that saves a file; what goes wrong is told where it is read.
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
        props.download().catch((error: Error) => props.onError(error.message));
      }}
    >
      <Icon name="down" />
      Download<span class="unseen"> {props.children}</span>
    </button>
  );
}
