// Reads for as long as something shows it: again when the connection came back, when asked to, and every so often if wished.
import type { AnyVariables, CombinedError, TypedDocumentNode } from "@urql/core";
import { effect } from "@preact/signals";
import { useCallback, useEffect, useState } from "preact/hooks";
import { client } from "./client";
import { connectionEpoch } from "./socket";

export interface QueryResult<Data> {
  data: Data | undefined;
  error: CombinedError | undefined;
  /** Nothing has come yet, neither data nor a failure. */
  loading: boolean;
  refresh: () => Promise<void>;
}

interface QueryState<Data> {
  key: string;
  data: Data | undefined;
  error: CombinedError | undefined;
}

export function useQuery<Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  { pollInterval, pause = false }: { pollInterval?: number; pause?: boolean } = {},
): QueryResult<Data> {
  const key = JSON.stringify(variables);
  const [state, setState] = useState<QueryState<Data>>({ key, data: undefined, error: undefined });

  const refresh = useCallback(async () => {
    await client.query(query, variables, { requestPolicy: "network-only" }).toPromise();
  }, [query, key]);

  useEffect(() => {
    if (pause) return;
    const subscription = client.query(query, variables).subscribe(({ data, error }) => {
      setState((before) => ({ key, data: data ?? (before.key === key ? before.data : undefined), error }));
    });
    const stopWatching = onReconnect(() => void refresh());
    const timer = pollInterval ? setInterval(() => document.hidden || void refresh(), pollInterval) : undefined;
    return () => {
      subscription.unsubscribe();
      stopWatching();
      clearInterval(timer);
    };
  }, [query, key, pause, pollInterval, refresh]);

  const current = state.key === key ? state : { data: undefined, error: undefined };
  return { data: current.data, error: current.error, loading: !current.data && !current.error, refresh };
}

/** Calls whenever there is another connection than when this was said. Gives what ends that. */
export function onReconnect(call: () => void): () => void {
  const before = connectionEpoch.peek();
  let seen = before;
  return effect(() => {
    const now = connectionEpoch.value;
    if (now !== seen && now > 1) call();
    seen = now;
  });
}
