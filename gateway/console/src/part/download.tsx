// A button that saves a file; what goes wrong is told where it is read.
import type { ComponentChildren } from "preact";
import { Icon } from "./basic";

export function Download(props: {
  save: () => Promise<void>;
  fail: (message: string | undefined) => void;
  children: ComponentChildren;
}) {
  return (
    <button
      type="button"
      class="small"
      onClick={() => {
        props.fail(undefined);
        props.save().catch((error: Error) => props.fail(error.message));
      }}
    >
      <Icon name="down" />
      Download<span class="unseen"> {props.children}</span>
    </button>
  );
}
