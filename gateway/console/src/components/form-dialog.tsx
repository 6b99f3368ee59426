// Form dialog: submits, closes on success, and stays open with the problems of the payload otherwise.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Problem } from "../api/operations";
import { Dialog } from "./dialog";
import { ProblemList } from "./problem-list";

interface Outcome {
  problems: readonly Problem[];
}

export function FormDialog<Result extends Outcome>(props: {
  title: string;
  submitLabel: string;
  cancelLabel?: string;
  destructive?: boolean;
  onSubmit: () => Promise<Result>;
  onSuccess: (outcome: Result) => void;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [busy, setBusy] = useState(false);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    setBusy(true);
    const outcome = await props.onSubmit();
    setBusy(false);
    setProblems(outcome.problems);
    if (outcome.problems.length) return;
    props.onClose();
    props.onSuccess(outcome);
  }

  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form onSubmit={(event) => void submit(event)}>
        {props.children}
        <ProblemList problems={problems} />
        <footer>
          <button type="button" class="quiet" onClick={props.onClose}>
            {props.cancelLabel ?? "Never mind"}
          </button>
          <button type="submit" class={props.destructive ? "danger main" : "main"} disabled={busy}>
            {busy ? "One moment…" : props.submitLabel}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
