// How many of the sessions that were created come to their end, and how many come to a good one.
import type { Figures } from "../../api/operation";
import { Panel } from "../../part/basic";
import { count, many, percent } from "../../word";

export function Funnel({ figures }: { figures: readonly Figures[] }) {
  return (
    <Panel title="Completion" note="Of the sessions of this window: how many ended, and how many were completed.">
      <ul class="bars">
        {figures.map((each) => (
          <One key={each.provider.id} figures={each} />
        ))}
      </ul>
    </Panel>
  );
}

function One({ figures: { provider, sessions } }: { figures: Figures }) {
  const otherwise = [
    [sessions.declined, "declined"],
    [sessions.canceled, "canceled"],
    [sessions.expired, "expired"],
    [sessions.failed, "failed"],
  ] as const;
  const ended = sessions.completed + otherwise.reduce((sum, [number]) => sum + number, 0);
  const all = Math.max(sessions.created, ended, 1);
  const steps = [
    ["Created", sessions.created, "neutral"],
    ["Ended", ended, "active"],
    ["Completed", sessions.completed, "good"],
  ] as const;
  const said = otherwise.filter(([number]) => number > 0).map(([number, word]) => `${count(number)} ${word}`);
  return (
    <li>
      <div class="bar-head">
        <strong>{provider.displayName}</strong>
        <span class="faint">
          {sessions.completionRate == null
            ? many(sessions.created, "session")
            : `${percent(sessions.completionRate)} completed`}
        </span>
      </div>
      <dl class="funnel">
        {steps.map(([name, number, tone]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <span class="bar" aria-hidden="true">
                <span class={tone} style={{ width: `${(number / all) * 100}%` }} />
              </span>
              <b class="number">{count(number)}</b>
            </dd>
          </div>
        ))}
      </dl>
      <p class="key faint">{[`${count(sessions.open)} open`, ...said].join(" · ")}</p>
    </li>
  );
}
