// Time window of the metrics: chosen once for the whole page, and kept in the route's query.
import { SelectField } from "../../components/form-fields";
import { replaceQuery, route } from "../../route";

export interface TimeWindow {
  iso: string;
  name: string;
  /** Number of points that a chart has. */
  slices: number;
  /** Milliseconds between refetches: longer windows change more slowly. */
  pollInterval: number;
}

const defaultWindow: TimeWindow = { iso: "PT15M", name: "15 minutes", slices: 15, pollInterval: 5_000 };
const windows: readonly TimeWindow[] = [
  defaultWindow,
  { iso: "PT1H", name: "1 hour", slices: 30, pollInterval: 10_000 },
  { iso: "P1D", name: "24 hours", slices: 24, pollInterval: 30_000 },
  { iso: "P7D", name: "7 days", slices: 28, pollInterval: 60_000 },
  { iso: "P30D", name: "30 days", slices: 30, pollInterval: 60_000 },
  { iso: "P90D", name: "90 days", slices: 45, pollInterval: 60_000 },
];

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
