// Mapping report: each field of the provider's payload, the rule that used it, and the fields that no rule used.
import { useEffect, useState } from "preact/hooks";
import { useQuery } from "../../api/query";
import { Explain } from "../../api/operations";
import { Panel, Skeleton } from "../../components/primitives";
import { QueryError } from "../../components/problem-list";
import { pluralize } from "../../format";

export function MappingPanel({ id, revision }: { id: string; revision: number }) {
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
      {open ? <MappingRules id={id} revision={revision} /> : <p class="rest" />}
    </Panel>
  );
}

function MappingRules({ id, revision }: { id: string; revision: number }) {
  const { data, error, loading, refresh } = useQuery(Explain, { id });
  useEffect(() => {
    if (revision) void refresh();
  }, [revision, refresh]);
  const report = data?.explainSession;
  return (
    <>
      {error && <QueryError error={error} onRetry={refresh} />}
      {loading && <Skeleton lines={5} />}
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
              {report.rules.map((rule, index) => (
                <tr key={index}>
                  <th scope="row">
                    <code>{rule.native}</code>
                  </th>
                  <td>
                    <MappedValue value={rule.nativeValue} />
                  </td>
                  <td>
                    <code>{rule.field}</code>
                  </td>
                  <td>
                    <MappedValue value={rule.value} />
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
          <h3>{pluralize(report.unmapped.length, "field")} that no rule used</h3>
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

const maxLength = 80;

function MappedValue({ value }: { value: unknown }) {
  if (value === null || value === undefined) return <span class="faint">–</span>;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return (
    <code class="break" title={text.length > maxLength ? text : undefined}>
      {text.length > maxLength ? `${text.slice(0, maxLength)}…` : text}
    </code>
  );
}
