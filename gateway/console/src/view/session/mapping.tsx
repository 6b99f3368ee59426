// How the provider's payload became what is shown: every field that was used, by which rule, and what was not used.
import { useEffect, useState } from "preact/hooks";
import { useAsk } from "../../api/ask";
import { Explain } from "../../api/operation";
import { Panel, Skeleton } from "../../part/basic";
import { Failure } from "../../part/trouble";
import { many } from "../../word";

export function Mapping({ id, seen }: { id: string; seen: number }) {
  const [open, setOpen] = useState(false);
  return (
    <Panel
      title="How this came to be"
      note="What the provider says, field by field, and the rule that made it ours."
      class="flush"
      side={
        <button type="button" class="small" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? "Hide" : "Explain"}
        </button>
      }
    >
      {open ? <Rules id={id} seen={seen} /> : <p class="rest" />}
    </Panel>
  );
}

function Rules({ id, seen }: { id: string; seen: number }) {
  const { data, error, waiting, refresh } = useAsk(Explain, { id });
  useEffect(() => {
    if (seen) void refresh();
  }, [seen, refresh]);
  const report = data?.explainSession;
  return (
    <>
      {error && <Failure error={error} retry={refresh} />}
      {waiting && <Skeleton lines={5} />}
      {report && (
        <div class="scroll" tabIndex={0} role="region" aria-label="How this came to be">
          <table class="matrix mapping">
            <thead>
              <tr>
                <th scope="col">Provider’s field</th>
                <th scope="col">Its value</th>
                <th scope="col">Our field</th>
                <th scope="col">Our value</th>
                <th scope="col">Rule</th>
              </tr>
            </thead>
            <tbody>
              {report.rules.map((rule, place) => (
                <tr key={place}>
                  <th scope="row">
                    <code>{rule.native}</code>
                  </th>
                  <td>
                    <Value value={rule.nativeValue} />
                  </td>
                  <td>
                    <code>{rule.field}</code>
                  </td>
                  <td>
                    <Value value={rule.value} />
                  </td>
                  <td>{rule.rule}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {report && report.unmapped.length > 0 && (
        <div class="unmapped">
          <h3>{many(report.unmapped.length, "field")} that no rule used</h3>
          <ul>
            {report.unmapped.map((name) => (
              <li key={name}>
                <code>{name}</code>
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

const longest = 80;

function Value({ value }: { value: unknown }) {
  if (value === null || value === undefined) return <span class="faint">–</span>;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return (
    <code class="break" title={text.length > longest ? text : undefined}>
      {text.length > longest ? `${text.slice(0, longest)}…` : text}
    </code>
  );
}
