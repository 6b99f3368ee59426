// For how long back the figures are: said once for everything on the page, in its address.
import { Select } from "../../part/field";
import { narrow, place } from "../../route";

export interface Window {
  iso: string;
  name: string;
  /** In so many parts it is drawn, and every so many milliseconds it is read again. */
  slices: number;
  every: number;
}

const windows: readonly Window[] = [
  { iso: "PT15M", name: "15 minutes", slices: 15, every: 5_000 },
  { iso: "PT1H", name: "1 hour", slices: 30, every: 10_000 },
  { iso: "P1D", name: "24 hours", slices: 24, every: 30_000 },
  { iso: "P7D", name: "7 days", slices: 28, every: 60_000 },
  { iso: "P30D", name: "30 days", slices: 30, every: 60_000 },
  { iso: "P90D", name: "90 days", slices: 45, every: 60_000 },
];
const usual = windows[0] as Window;

export function useWindow(): Window {
  const asked = place.value.query.get("window");
  return windows.find(({ iso }) => iso === asked) ?? usual;
}

export function WindowChoice() {
  const { iso } = useWindow();
  return (
    <Select
      label="Window"
      class="window"
      value={iso}
      set={(window) => narrow({ window })}
      options={windows.map((each) => [each.iso, each.name] as const)}
    />
  );
}
