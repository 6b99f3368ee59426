// The part of Countersign's schema that the queries of the bench need, and resolvers that call the upstream.
import { session, sessions } from './upstream.mjs';

export const typeDefs = /* GraphQL */ `
  scalar DateTime
  scalar Duration
  enum SessionKind { SIGNING SEALING RECORD }
  enum SessionStatus { DRAFT READY PENDING IN_PROGRESS PROCESSING COMPLETED DECLINED CANCELED EXPIRED FAILED DELETED UNKNOWN }
  enum SigningOrder { PARALLEL SEQUENTIAL }
  enum DocumentRole { TO_SIGN ATTACHMENT SIGNED EVIDENCE }
  enum DocumentStatus { PROCESSING READY SIGNED FAILED DELETED UNKNOWN }
  enum ParticipantRole { SIGNER INITIATOR COPY UNKNOWN }
  enum ParticipantStatus { WAITING INVITED VIEWED SIGNED DECLINED EXPIRED FAILED UNKNOWN }
  input SessionFilter { providers: [String!] }
  type Progress { required: Int! signed: Int! declined: Int! pending: Int! }
  type Document { key: String! role: DocumentRole! status: DocumentStatus! }
  type Participant {
    key: String! role: ParticipantRole! status: ParticipantStatus! providerStatus: String language: String
    signingUrlExpiresAt: DateTime
  }
  type Session {
    key: String! kind: SessionKind! title: String reference: String status: SessionStatus! final: Boolean!
    providerStatus: String dueAt: DateTime signingOrder: SigningOrder! progress: Progress!
    documents: [Document!]! participants: [Participant!]!
  }
  type SessionConnection { nodes: [Session!]! }
  type Query {
    session(id: ID!, maxAge: Duration): Session
    sessions(filter: SessionFilter, maxAge: Duration, first: Int): SessionConnection!
  }
`;

export const resolvers = {
  Query: {
    session: (_, { id }) => session(id),
    sessions: (_, { first }) => sessions(first),
  },
};
