// What went wrong, in the gateway's own words, and the way out.
import type { CombinedError } from "@urql/core";
import { link } from "../api/live";
import type { Problem } from "../api/operation";
import { say } from "../word";
import { Icon } from "./basic";

export function Failure({ error, retry }: { error: CombinedError; retry?: () => unknown }) {
  const away = error.networkError && !error.graphQLErrors.length;
  if (away && link.value.state === "lost") return null; // which is said above everything else
  const forbidden = error.graphQLErrors.length > 0 && error.graphQLErrors.every((each) => each.extensions.code === "FORBIDDEN");
  return (
    <div class={`trouble ${forbidden ? "mild" : ""}`} role="alert">
      <Icon name="warn" />
      <div>
        <strong>
          {away
            ? "The gateway does not answer."
            : forbidden
              ? "You may not see this."
              : "The gateway could not answer all of this."}
        </strong>
        {away && <p>What is shown may be incomplete. The page keeps trying; you can also try now.</p>}
        {unique(error).map((message) => (
          <p key={message}>{message}</p>
        ))}
        {forbidden && <p>Whoever gave you your token can give you one that may.</p>}
      </div>
      {retry && !forbidden && (
        <button type="button" class="quiet" onClick={() => void retry()}>
          Try again
        </button>
      )}
    </div>
  );
}

function unique(error: CombinedError): string[] {
  return [...new Set(error.graphQLErrors.map((each) => each.message))];
}

export function Problems({ problems }: { problems: readonly Problem[] }) {
  if (!problems.length) return null;
  return (
    <ul class="problems" role="alert">
      {problems.map((problem, place) => (
        <li key={place}>
          <Icon name="warn" />
          <div>
            <strong>{problem.message}</strong>
            <p class="faint">
              {[
                say(problem.code),
                problem.path?.length ? problem.path.join(" › ") : null,
                problem.provider,
                problem.providerCode,
                problem.retryable ? "may be tried again" : null,
              ]
                .filter(Boolean)
                .join(" · ")}
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}
