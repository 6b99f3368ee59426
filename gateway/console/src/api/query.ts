// Query hook: reads while a component is mounted, and refetches after a reconnect, on demand and at a polling interval.
import type { AnyVariables, CombinedError, TypedDocumentNode } from "@urql/core";
import { effect } from "@preact/signals";
import { useCallback, useEffect, useState } from "preact/hooks";
import { client } from "./client";
import { connectionEpoch } from "./socket";

export interface QueryResult<Data> {
  data: Data | undefined;
  error: CombinedError | undefined;
  /** Neither data nor an error has come yet. */
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
  // Variables are compared by value: callers build them anew at each render.
  const key = JSON.stringify(variables);
  const [state, setState] = useState<QueryState<Data>>({ key, data: undefined, error: undefined });

  const refresh = useCallback(async () => {
    await client.query(query, variables, { requestPolicy: "network-only" }).toPromise();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the key stands for the variables
  }, [query, key]);

  useEffect(() => {
    if (pause) return;
    const subscription = client.query(query, variables).subscribe(({ data, error }) => {
      setState((before) => mergeResult(before, key, { data, error }));
    });
    const stopWatching = onReconnect(() => void refresh());
    const timer = pollInterval ? setInterval(() => document.hidden || void refresh(), pollInterval) : undefined;
    return () => {
      subscription.unsubscribe();
      stopWatching();
      clearInterval(timer);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the key stands for the variables
  }, [query, key, pause, pollInterval, refresh]);

  const current = state.key === key ? state : { data: undefined, error: undefined };
  return { data: current.data, error: current.error, loading: !current.data && !current.error, refresh };
}

/** Keeps the last data of the same variables while a refetch fails, so that an error does not empty the page. */
export function mergeResult<Data>(
  before: QueryState<Data>,
  key: string,
  { data, error }: Pick<QueryState<Data>, "data" | "error">,
): QueryState<Data> {
  return { key, data: data ?? (before.key === key ? before.data : undefined), error };
}

/** Calls back after each reconnect, but not at the first connection. Returns the function that unsubscribes. */
export function onReconnect(call: () => void): () => void {
  let seen = connectionEpoch.peek();
  return effect(() => {
    const epoch = connectionEpoch.value;
    if (epoch !== seen && epoch > 1) call();
    seen = epoch;
  });
}
