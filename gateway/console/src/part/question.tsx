// A form in a dialog: it closes once what it asks for was done, and says what stands in the way of that.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Problem } from "../api/operation";
import { Dialog } from "./dialog";
import { Problems } from "./trouble";

interface Outcome {
  problems: readonly Problem[];
}

export function Question<Done extends Outcome>(props: {
  title: string;
  verb: string;
  no?: string;
  dangerous?: boolean;
  carryOut: () => Promise<Done>;
  done: (outcome: Done) => void;
  close: () => void;
  children: ComponentChildren;
}) {
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [busy, setBusy] = useState(false);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    setBusy(true);
    const outcome = await props.carryOut();
    setBusy(false);
    setProblems(outcome.problems);
    if (outcome.problems.length) return;
    props.close();
    props.done(outcome);
  }

  return (
    <Dialog title={props.title} close={props.close}>
      <form onSubmit={(event) => void submit(event)}>
        {props.children}
        <Problems problems={problems} />
        <footer>
          <button type="button" class="quiet" onClick={props.close}>
            {props.no ?? "Never mind"}
          </button>
          <button type="submit" class={props.dangerous ? "danger main" : "main"} disabled={busy}>
            {busy ? "One moment…" : props.verb}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
