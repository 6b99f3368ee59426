// Mutations of sessions, and the eligibility query that precedes createSession.
import { graphql } from "../graphql";
import { ProblemDetail } from "./problems";
import { SessionDetail } from "./sessions";

export const Eligible = graphql(
  `
    query Eligible($placed: CreateSessionInput!, $bare: CreateSessionInput!) {
      placed: eligibleProviders(input: $placed) {
        eligible
        provider {
          id
          name
        }
        problems {
          ...ProblemDetail
        }
      }
      bare: eligibleProviders(input: $bare) {
        eligible
        provider {
          id
          name
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [ProblemDetail],
);

export const Create = graphql(
  `
    mutation Create($input: CreateSessionInput!) {
      result: createSession(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const Start = graphql(
  `
    mutation Start($input: SessionActionInput!) {
      result: startSession(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const Cancel = graphql(
  `
    mutation Cancel($input: CancelSessionInput!) {
      result: cancelSession(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const Delete = graphql(
  `
    mutation Delete($input: SessionActionInput!) {
      result: deleteSession(input: $input) {
        deletedIds
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [ProblemDetail],
);

export const Duplicate = graphql(
  `
    mutation Duplicate($input: DuplicateSessionInput!) {
      result: duplicateSession(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const Recreate = graphql(
  `
    mutation Recreate($input: RecreateSessionInput!) {
      result: recreateSession(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const Update = graphql(
  `
    mutation Update($input: UpdateSessionInput!) {
      result: updateSession(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const SetOrder = graphql(
  `
    mutation SetOrder($input: SetSigningOrderInput!) {
      result: setSigningOrder(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const AddParticipant = graphql(
  `
    mutation AddParticipant($input: AddParticipantInput!) {
      result: addParticipant(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const AddSelf = graphql(
  `
    mutation AddSelf($input: SessionActionInput!) {
      result: addSelfAsParticipant(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const UpdateParticipant = graphql(
  `
    mutation UpdateParticipant($input: UpdateParticipantInput!) {
      result: updateParticipant(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const RemoveParticipant = graphql(
  `
    mutation RemoveParticipant($input: RemoveParticipantInput!) {
      result: removeParticipant(input: $input) {
        deletedIds
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [ProblemDetail],
);

export const AddDocument = graphql(
  `
    mutation AddDocument($input: AddDocumentInput!) {
      result: addDocument(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const UpdateDocument = graphql(
  `
    mutation UpdateDocument($input: UpdateDocumentInput!) {
      result: updateDocument(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const RemoveDocument = graphql(
  `
    mutation RemoveDocument($input: RemoveDocumentInput!) {
      result: removeDocument(input: $input) {
        deletedIds
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [ProblemDetail],
);

export const AddField = graphql(
  `
    mutation AddField($input: AddFieldInput!) {
      result: addField(input: $input) {
        session {
          ...SessionDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [SessionDetail, ProblemDetail],
);

export const RemoveField = graphql(
  `
    mutation RemoveField($input: RemoveFieldInput!) {
      result: removeField(input: $input) {
        deletedIds
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [ProblemDetail],
);
