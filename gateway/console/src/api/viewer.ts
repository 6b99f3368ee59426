// What whoever sits here may do. Without authentication that is everything.
import { useQuery } from "./query";
import { WhoAmI } from "./operations";

/** Whether a scope was given; false for as long as that is not known. */
export function useScope(scope: string): boolean {
  const { data } = useQuery(WhoAmI, {});
  return data?.viewer.scopes.includes(scope) ?? false;
}
