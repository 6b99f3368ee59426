// How a payload became a session of ours.
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
