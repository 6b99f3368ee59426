// Query of the mapping report: which rule made which field of a session from the provider's payload.
import { graphql } from "../graphql";

export const Explain = graphql(`
  query Explain($id: ID!) {
    explainSession(id: $id) {
      session {
        id
      }
      rules {
        native
        nativeValue
        field
        value
        rule
      }
      unmapped
    }
  }
`);
