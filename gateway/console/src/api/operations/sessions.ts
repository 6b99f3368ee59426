// Queries and subscriptions of sessions and their events.
import { graphql, type FragmentOf, type ResultOf } from "../graphql";
import { ProblemDetail } from "./problems";

export const SessionRow = graphql(`
  fragment SessionRow on Session {
    id
    key
    title
    reference
    kind
    status
    final
    providerStatus
    statusReason
    createdAt
    dueAt
    completedAt
    provider {
      id
      name
      displayName
      kind
    }
    progress {
      required
      signed
      declined
      pending
      failed
    }
    freshness {
      asOf
      stale
      source
    }
  }
`);

export const Sessions = graphql(
  `
    query Sessions($filter: SessionFilter, $orderBy: SessionOrder, $first: Int, $after: String) {
      sessions(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
        nodes {
          ...SessionRow
          participants {
            id
            displayName
            email
            status
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
        totalCount
        sources {
          provider
          outcome
          asOf
          problem {
            ...ProblemDetail
          }
        }
      }
    }
  `,
  [SessionRow, ProblemDetail],
);

export const EventDetail = graphql(`
  fragment EventDetail on SessionEvent {
    id
    cursor
    type
    from
    to
    providerStatus
    source
    occurredAt
    observedAt
    participant {
      id
      displayName
      status
    }
    document {
      id
      title
      filename
      status
    }
    signature {
      id
      format
    }
  }
`);

export const Events = graphql(
  `
    subscription Events($after: String) {
      sessionEvents(after: $after) {
        ...EventDetail
        session {
          ...SessionRow
          participants {
            id
            displayName
            email
            status
          }
        }
      }
    }
  `,
  [EventDetail, SessionRow],
);

export const SessionDetail = graphql(
  `
    fragment SessionDetail on Session {
      ...SessionRow
      startedAt
      signingOrder
      reminderFrequency
      archive {
        requested
        retentionPeriod
        archiveId
      }
      actions
      documents {
        id
        key
        title
        filename
        description
        role
        status
        providerStatus
        mediaType
        sizeBytes
        sha256
        createdAt
      }
      participants {
        id
        key
        displayName
        firstName
        lastName
        email
        phone
        role
        order
        status
        providerStatus
        signedAt
        declineReason
      }
      fields {
        id
        type
        page
        x
        y
        width
        height
        required
        document {
          id
        }
        participant {
          id
        }
      }
    }
  `,
  [SessionRow],
);

export const OneSession = graphql(
  `
    query OneSession($id: ID!) {
      session(id: $id) {
        ...SessionDetail
      }
    }
  `,
  [SessionDetail],
);

export const FollowSession = graphql(
  `
    subscription FollowSession($id: ID!) {
      session(id: $id) {
        ...SessionDetail
      }
    }
  `,
  [SessionDetail],
);

export const History = graphql(
  `
    query History($id: ID!, $after: String) {
      session(id: $id) {
        id
        events(first: 100, after: $after) {
          nodes {
            ...EventDetail
          }
          pageInfo {
            hasNextPage
            endCursor
          }
        }
      }
    }
  `,
  [EventDetail],
);

export const SigningLinks = graphql(`
  query SigningLinks($id: ID!) {
    session(id: $id) {
      id
      participants {
        id
        signingUrl
        signingUrlExpiresAt
      }
    }
  }
`);

export const DocumentDownload = graphql(`
  query DocumentDownload($id: ID!) {
    document(id: $id) {
      id
      download {
        url
        filename
      }
    }
  }
`);

export type Row = ResultOf<typeof Sessions>["sessions"]["nodes"][number];
export type Detail = FragmentOf<typeof SessionDetail>;
export type Source = ResultOf<typeof Sessions>["sessions"]["sources"][number];
export type SessionEvent = ResultOf<typeof Events>["sessionEvents"];
export type HistoryEvent = FragmentOf<typeof EventDetail>;
export type Status = Row["status"];
export type Kind = Row["kind"];
