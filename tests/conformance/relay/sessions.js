// Documents of a Relay application: fragments, a paginated connection, a refetchable node, a mutation, a subscription.
import { graphql } from "relay-runtime";

export const row = graphql`
  fragment sessions_row on Session {
    id
    title
    status
    provider { name }
    participants { id displayName status }
  }
`;

export const list = graphql`
  fragment sessions_list on Query
  @refetchable(queryName: "sessionsMoreQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    sessions(first: $count, after: $cursor) @connection(key: "sessions_sessions") {
      edges { cursor node { id ...sessions_row } }
      pageInfo { hasNextPage endCursor }
      sources { provider outcome problem { message } }
    }
  }
`;

export const page = graphql`
  query sessionsPageQuery { ...sessions_list }
`;

export const one = graphql`
  fragment sessions_one on Session @refetchable(queryName: "sessionsOneQuery") {
    documents { id title download { url } }
    events(first: 10) { edges { node { id type } } }
  }
`;

export const cancel = graphql`
  mutation sessionsCancelMutation($input: CancelSessionInput!) {
    cancelSession(input: $input) { session { ...sessions_row } problems { code message path } }
  }
`;

export const events = graphql`
  subscription sessionsEventsSubscription($after: String) {
    sessionEvents(after: $after) { cursor type session { ...sessions_row } }
  }
`;
