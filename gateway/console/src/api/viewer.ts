// What whoever sits here may do. Without authentication that is everything.
import { useAsk } from "./ask";
import { WhoAmI } from "./operation";

/** Whether a scope was given; false for as long as that is not known. */
export function useMay(scope: string): boolean {
  const { data } = useAsk(WhoAmI, {});
  return data?.viewer.scopes.includes(scope) ?? false;
}
