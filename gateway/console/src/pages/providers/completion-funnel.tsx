// Completion funnel of each provider: sessions created, ended, completed.
import type { Figures } from "../../api/operations";
import { Panel } from "../../components/primitives";
import { formatCount, pluralize, formatPercent } from "../../format";

export function CompletionFunnel({ figures }: { figures: readonly Figures[] }) {
  return (
    <Panel title="Completion" note="Of the sessions of this window: how many ended, and how many were completed.">
      <ul class="bars">
        {figures.map((each) => (
          <ProviderFunnel key={each.provider.id} figures={each} />
        ))}
      </ul>
    </Panel>
  );
}

function ProviderFunnel({ figures: { provider, sessions } }: { figures: Figures }) {
  const unsuccessful = [
    [sessions.declined, "declined"],
    [sessions.canceled, "canceled"],
    [sessions.expired, "expired"],
    [sessions.failed, "failed"],
  ] as const;
  const ended = sessions.completed + unsuccessful.reduce((sum, [number]) => sum + number, 0);
  const total = Math.max(sessions.created, ended, 1);
  const steps = [
    ["Created", sessions.created, "neutral"],
    ["Ended", ended, "active"],
    ["Completed", sessions.completed, "good"],
  ] as const;
  const outcomes = unsuccessful.filter(([number]) => number > 0).map(([number, word]) => `${formatCount(number)} ${word}`);
  return (
    <li>
      <div class="bar-head">
        <strong>{provider.displayName}</strong>
        <span class="faint">
          {sessions.completionRate == null
            ? pluralize(sessions.created, "session")
            : `${formatPercent(sessions.completionRate)} completed`}
        </span>
      </div>
      <dl class="funnel">
        {steps.map(([name, number, tone]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <span class="bar" aria-hidden="true">
                <span class={tone} style={{ width: `${(number / total) * 100}%` }} />
              </span>
              <b class="number">{formatCount(number)}</b>
            </dd>
          </div>
        ))}
      </dl>
      <p class="key faint">{[`${formatCount(sessions.open)} open`, ...outcomes].join(" · ")}</p>
    </li>
  );
}
