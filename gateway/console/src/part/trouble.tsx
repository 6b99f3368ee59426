// What went wrong, in the gateway's own words, and the way out.
import type { CombinedError } from "@urql/core";
import type { Problem } from "../api/operation";
import { say } from "../word";
import { Icon } from "./basic";

export function Failure({ error, retry }: { error: CombinedError; retry?: () => unknown }) {
  const away = error.networkError && !error.graphQLErrors.length;
  return (
    <div class="trouble" role="alert">
      <Icon name="warn" />
      <div>
        <strong>{away ? "The gateway does not answer." : "The gateway could not answer all of this."}</strong>
        {away && <p>What is shown may be incomplete. The page keeps trying; you can also try now.</p>}
        {unique(error).map((message) => (
          <p key={message}>{message}</p>
        ))}
      </div>
      {retry && (
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
