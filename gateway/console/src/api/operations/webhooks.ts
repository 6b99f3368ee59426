// Query of webhook deliveries, and the mutation that replays one.
import { graphql, type FragmentOf } from "../graphql";
import { ProblemDetail } from "./problems";

export const DeliveryDetail = graphql(
  `
    fragment DeliveryDetail on WebhookDelivery {
      id
      provider
      receivedAt
      eventName
      verification
      outcome
      attempts
      problem {
        ...ProblemDetail
      }
      duplicateOf
      bodySha256
      session {
        id
        title
        status
      }
    }
  `,
  [ProblemDetail],
);

export const Deliveries = graphql(
  `
    query Deliveries($filter: WebhookDeliveryFilter, $first: Int, $after: String) {
      webhookDeliveries(filter: $filter, first: $first, after: $after) {
        nodes {
          ...DeliveryDetail
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [DeliveryDetail],
);

export const Replay = graphql(
  `
    mutation Replay($id: ID!) {
      result: replayWebhook(id: $id) {
        delivery {
          ...DeliveryDetail
        }
        problems {
          ...ProblemDetail
        }
      }
    }
  `,
  [DeliveryDetail, ProblemDetail],
);

export type Delivery = FragmentOf<typeof DeliveryDetail>;
