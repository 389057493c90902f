import type { LogView } from './log-view.ts';
import { Violation } from './violation.ts';

/** anytime_logMatching: logs that agree on an entry agree on everything before it (paper, figure 3). */
export function checkLogMatching(logs: readonly LogView[]): void {
  for (const [i, a] of logs.entries()) {
    for (const b of logs.slice(i + 1)) {
      checkPair(a, b);
    }
  }
}

function checkPair(a: LogView, b: LogView): void {
  const first = Math.max(a.firstIndex, b.firstIndex);
  let areSame = false;
  for (let i = Math.min(a.lastIndex, b.lastIndex); i >= first; i -= 1) {
    const isEqual = a.termAt(i) === b.termAt(i);
    if (areSame && !isEqual) {
      throw new Violation(
        'anytime_logMatching',
        `logs of ${String(a.raftId)} and ${String(b.raftId)} agree after ${String(i)} and differ there`,
      );
    }
    areSame ||= isEqual;
  }
}
