// Queries of provider metrics: one window side by side, and slices of it over time.
import { graphql, type ResultOf } from "../graphql";

const LatencyDetail = graphql(`
  fragment LatencyDetail on Latency {
    samples
    p50Ms
    p90Ms
    p99Ms
    maxMs
  }
`);

export const Compare = graphql(
  `
    query Compare($window: Duration) {
      comparison(window: $window) {
        from
        to
        providers {
          provider {
            id
            name
            displayName
          }
          requests
          failures
          failureRate
          availability
          latency {
            ...LatencyDetail
          }
          operations {
            operation
            requests
            failures
            latency {
              ...LatencyDetail
            }
          }
          sessions {
            created
            completed
            declined
            canceled
            expired
            failed
            open
            completionRate
            timeToComplete {
              samples
              p50
              p90
            }
          }
          statusLag {
            ...LatencyDetail
          }
          unknownStatuses
        }
      }
    }
  `,
  [LatencyDetail],
);

export const Trend = graphql(
  `
    query Trend($window: Duration, $count: Int!) {
      comparison(window: $window) {
        providers {
          provider {
            id
          }
          slices(count: $count) {
            from
            to
            requests
            failureRate
            latency {
              ...LatencyDetail
            }
          }
        }
      }
    }
  `,
  [LatencyDetail],
);

export type Slice = ResultOf<typeof Trend>["comparison"]["providers"][number]["slices"][number];
export type Figures = ResultOf<typeof Compare>["comparison"]["providers"][number];
