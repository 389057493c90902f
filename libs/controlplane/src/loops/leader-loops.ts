import { errorMessage, isSwarmError, type Timers } from '@skep/kernel';
import type { Actor } from '@skep/model';

import type { LoopPorts } from '../control-plane-options.ts';
import type { LeaderPart } from '../leadership.ts';
import { processTimers } from '../process-timers.ts';
import { ControlLoops } from './control-loops.ts';

const ACTOR: Actor = { name: 'system', from: 'leader', via: 'system' };

/** The control loops as a part of the control plane: pass this as its `loops` option. */
export function leaderLoops(ports: LoopPorts, timers: Timers = processTimers): LeaderPart {
  let turns = 0;
  return new ControlLoops({
    clock: ports.clock,
    timers,
    log: ports.log,
    newId: ports.newId,
    view: (fn) => ports.view(fn),
    onApplied: (callback) => ports.onApplied(callback),
    onRestored: (callback) => ports.onRestored(callback),
    change: (fn, onDone) => {
      turns += 1;
      const requestId = `loops-${String(turns)}`;
      let isRefused = false;
      const stop = ports.onApplied((applied) => {
        isRefused ||= applied.requestId === requestId && applied.error !== undefined;
      });
      ports
        .updateParts({ actor: ACTOR, requestId }, fn)
        .then(
          () => !isRefused,
          (error: unknown) => {
            if (isSwarmError(error)) {
              ports.log.debug({ code: error.code, err: error.message }, 'the loops could not write');
            } else {
              ports.log.error({ err: errorMessage(error) }, 'a turn of the loops failed');
            }
            return false;
          },
        )
        .then((isOk) => {
          stop();
          onDone(isOk);
        })
        .catch((error: unknown) => {
          ports.log.error({ err: errorMessage(error) }, 'the loops failed');
        });
    },
  });
}
