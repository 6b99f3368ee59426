// Reads for as long as something shows it: again when the connection came back, when asked to, and every so often if wished.
import type { AnyVariables, CombinedError, TypedDocumentNode } from "@urql/core";
import { effect } from "@preact/signals";
import { useCallback, useEffect, useState } from "preact/hooks";
import { client } from "./client";
import { connected } from "./socket";

export interface Answer<Data> {
  data: Data | undefined;
  error: CombinedError | undefined;
  /** Nothing has come yet, neither data nor a failure. */
  waiting: boolean;
  refresh: () => Promise<void>;
}

interface Kept<Data> {
  key: string;
  data: Data | undefined;
  error: CombinedError | undefined;
}

export function useAsk<Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  { every, pause = false }: { every?: number; pause?: boolean } = {},
): Answer<Data> {
  const key = JSON.stringify(variables);
  const [kept, keep] = useState<Kept<Data>>({ key, data: undefined, error: undefined });

  const refresh = useCallback(async () => {
    await client.query(query, variables, { requestPolicy: "network-only" }).toPromise();
  }, [query, key]);

  useEffect(() => {
    if (pause) return;
    const asked = client.query(query, variables).subscribe(({ data, error }) => {
      keep((before) => ({ key, data: data ?? (before.key === key ? before.data : undefined), error }));
    });
    const again = onReconnect(() => void refresh());
    const timer = every ? setInterval(() => document.hidden || void refresh(), every) : undefined;
    return () => {
      asked.unsubscribe();
      again();
      clearInterval(timer);
    };
  }, [query, key, pause, every, refresh]);

  const mine = kept.key === key ? kept : { data: undefined, error: undefined };
  return { data: mine.data, error: mine.error, waiting: !mine.data && !mine.error, refresh };
}

/** Calls whenever there is another connection than when this was said. Gives what ends that. */
export function onReconnect(call: () => void): () => void {
  const before = connected.peek();
  let seen = before;
  return effect(() => {
    const now = connected.value;
    if (now !== seen && now > 1) call();
    seen = now;
  });
}
