// Scopes of the viewer; all of them where the gateway runs without authentication.
import { useQuery } from "./query";
import { WhoAmI } from "./operations";

/** Whether the viewer has a scope; false while that is not known yet. */
export function useScope(scope: string): boolean {
  const { data } = useQuery(WhoAmI, {});
  return data?.viewer.scopes.includes(scope) ?? false;
}
