// Fragment of the problems that every mutation payload has.
import { graphql, type FragmentOf } from "../graphql";

export const ProblemDetail = graphql(`
  fragment ProblemDetail on Problem {
    code
    message
    path
    provider
    providerCode
    retryable
    retryAfterMs
  }
`);

export type Problem = FragmentOf<typeof ProblemDetail>;
