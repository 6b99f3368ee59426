// For how long back the figures are: said once for everything on the page, in its address.
import { SelectField } from "../../components/form-fields";
import { replaceQuery, route } from "../../route";

export interface TimeWindow {
  iso: string;
  name: string;
  /** In so many parts it is drawn, and pollInterval so many milliseconds it is read again. */
  slices: number;
  pollInterval: number;
}

const windows: readonly TimeWindow[] = [
  { iso: "PT15M", name: "15 minutes", slices: 15, pollInterval: 5_000 },
  { iso: "PT1H", name: "1 hour", slices: 30, pollInterval: 10_000 },
  { iso: "P1D", name: "24 hours", slices: 24, pollInterval: 30_000 },
  { iso: "P7D", name: "7 days", slices: 28, pollInterval: 60_000 },
  { iso: "P30D", name: "30 days", slices: 30, pollInterval: 60_000 },
  { iso: "P90D", name: "90 days", slices: 45, pollInterval: 60_000 },
];
const defaultWindow = windows[0] as TimeWindow;

export function useTimeWindow(): TimeWindow {
  const selected = route.value.query.get("window");
  return windows.find(({ iso }) => iso === selected) ?? defaultWindow;
}

export function TimeWindowSelect() {
  const { iso } = useTimeWindow();
  return (
    <SelectField
      label="Window"
      class="window"
      value={iso}
      onChange={(window) => replaceQuery({ window })}
      options={windows.map((each) => [each.iso, each.name] as const)}
    />
  );
}
