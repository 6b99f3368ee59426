// Capability matrix: which operations each provider supports natively, composed or not at all, and why.
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import type { Operation, Provider } from "../../api/operations";
import { Icon, Panel } from "../../components/primitives";
import { labelFor } from "../../labels";

type Support = Provider["capabilities"][number]["support"];

const supportLabels: Record<Support, { text: string; sign: string }> = {
  NATIVE: { text: "Yes", sign: "M5 12.5l5 5L19 7.5" },
  COMPOSED: { text: "Composed", sign: "M5 9l7-5 7 5-7 5zM5 14l7 5 7-5" },
  UNSUPPORTED: { text: "No", sign: "M7 12h10" },
};

export function CapabilityMatrix({ providers }: { providers: readonly Provider[] }) {
  const [open, setOpen] = useState<ReadonlySet<Operation>>(new Set());
  const operations = providers[0]?.capabilities.map((each) => each.operation) ?? [];
  const withReasons = operations.filter((operation) => reasonsFor(providers, operation).length > 0);
  const allOpen = open.size === withReasons.length && open.size > 0;
  if (!providers.length) return null;

  function toggle(operation: Operation): void {
    const next = new Set(open);
    if (!next.delete(operation)) next.add(operation);
    setOpen(next);
  }

  return (
    <Panel
      title="What each can do"
      note="Yes: one call at the provider. Composed: several calls, made to look like one."
      class="flush"
      side={
        <button type="button" class="small" aria-pressed={allOpen} onClick={() => setOpen(new Set(allOpen ? [] : withReasons))}>
          {allOpen ? "Hide the reasons" : "Show all reasons"}
        </button>
      }
    >
      <div class="scroll" tabIndex={0} role="region" aria-label="What each can do">
        <table class="matrix">
          <thead>
            <tr>
              <th scope="col">Operation</th>
              {providers.map((provider) => (
                <th scope="col" key={provider.id}>
                  {provider.displayName}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {operations.map((operation) => {
              const reasons = reasonsFor(providers, operation);
              const shown = open.has(operation);
              return (
                <Fragment key={operation}>
                  <tr>
                    <th scope="row">
                      {reasons.length ? (
                        <button type="button" class="fold" aria-expanded={shown} onClick={() => toggle(operation)}>
                          <Icon name="more" />
                          {labelFor(operation)}
                        </button>
                      ) : (
                        <span class="fold">{labelFor(operation)}</span>
                      )}
                    </th>
                    {providers.map((provider) => (
                      <SupportCell key={provider.id} capability={capabilityOf(provider, operation)} />
                    ))}
                  </tr>
                  {shown && (
                    <tr class="reasons">
                      <td colSpan={providers.length + 1}>
                        <dl>
                          {reasons.map(({ name, note }) => (
                            <div key={name}>
                              <dt>{name}</dt>
                              <dd>{note}</dd>
                            </div>
                          ))}
                        </dl>
                      </td>
                    </tr>
                  )}
                </Fragment>
              );
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function capabilityOf(provider: Provider, operation: Operation) {
  return provider.capabilities.find((each) => each.operation === operation);
}

function reasonsFor(providers: readonly Provider[], operation: Operation) {
  return providers.flatMap((provider) => {
    const note = capabilityOf(provider, operation)?.note;
    return note ? [{ name: provider.displayName, note }] : [];
  });
}

function SupportCell({ capability }: { capability: Provider["capabilities"][number] | undefined }) {
  const level = capability?.support ?? "UNSUPPORTED";
  return (
    <td>
      <span class={`support ${level.toLowerCase()}`} title={capability?.note ?? undefined}>
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
          <path d={supportLabels[level].sign} />
        </svg>
        {supportLabels[level].text}
        {capability?.note && <sup aria-hidden="true">•</sup>}
      </span>
    </td>
  );
}
