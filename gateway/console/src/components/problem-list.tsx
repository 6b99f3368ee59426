// Errors of queries and problems of payloads, with the gateway's own messages.
import type { CombinedError } from "@urql/core";
import { connection } from "../api/subscriptions";
import type { Problem } from "../api/operations";
import { labelFor } from "../labels";
import { Icon } from "./primitives";

export function QueryError({ error, onRetry }: { error: CombinedError; onRetry?: () => unknown }) {
  const unreachable = error.networkError && !error.graphQLErrors.length;
  if (unreachable && connection.value.state === "lost") return null; // the banner of the lost connection says it already
  const forbidden = error.graphQLErrors.length > 0 && error.graphQLErrors.every((each) => each.extensions.code === "FORBIDDEN");
  return (
    <div class={`trouble ${forbidden ? "mild" : ""}`} role="alert">
      <Icon name="warn" />
      <div>
        <strong>
          {unreachable
            ? "The gateway does not answer."
            : forbidden
              ? "You may not see this."
              : "The gateway could not answer all of this."}
        </strong>
        {unreachable && <p>What is shown may be incomplete. The page keeps trying; you can also try now.</p>}
        {uniqueMessages(error).map((message) => (
          <p key={message}>{message}</p>
        ))}
        {forbidden && <p>Whoever gave you your token can give you one that may.</p>}
      </div>
      {onRetry && !forbidden && (
        <button type="button" class="quiet" onClick={() => void onRetry()}>
          Try again
        </button>
      )}
    </div>
  );
}

function uniqueMessages(error: CombinedError): string[] {
  return [...new Set(error.graphQLErrors.map((each) => each.message))];
}

export function ProblemList({ problems }: { problems: readonly Problem[] }) {
  if (!problems.length) return null;
  return (
    <ul class="problems" role="alert">
      {problems.map((problem, index) => (
        <li key={index}>
          <Icon name="warn" />
          <div>
            <strong>{problem.message}</strong>
            <p class="faint">
              {[
                labelFor(problem.code),
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
