// Queries of signatures and their verification.
import { graphql, type ResultOf } from "../graphql";

export const Signatures = graphql(`
  query Signatures($id: ID!) {
    session(id: $id) {
      id
      signatures {
        id
        format
        version
        comment
        tags
        createdBy
        signedAt
        document {
          id
          title
          filename
        }
        certificate {
          commonName
          subject
          issuer
          serialNumber
          notBefore
          notAfter
          sha256
        }
        timestamp {
          at
          authority
        }
        verification {
          status
          reason
          digestAlgorithm
          trusted
          coversWholeDocument
          checkedAt
        }
      }
    }
  }
`);

export const SignatureDownload = graphql(`
  query SignatureDownload($id: ID!) {
    node(id: $id) {
      id
      ... on Signature {
        download {
          url
          filename
        }
      }
    }
  }
`);

export type Signature = NonNullable<ResultOf<typeof Signatures>["session"]>["signatures"][number];
