import type { Prng } from '@skep/kernel';

import type { EventQueue } from '../event-queue.ts';
import type { SimHost } from './sim-host.ts';
import { addressOf } from './sim-manager.ts';

const RETRY_MS = 500;
const TIMEOUT_MS = 3_000;

/** What a request between two hosts goes through. */
export interface Between {
  readonly queue: EventQueue;
  readonly random: Prng;
  readonly latencyMs: readonly [number, number];
  readonly hosts: readonly SimHost[];
  isCut(from: number, to: number): boolean;
}

/**
 * A manager with an empty disk asks one manager after another to take it in. A request or an answer that is lost costs
 * a time-out, and leaves a member behind that nobody runs: the next attempt takes its place.
 */
export function askToJoin(between: Between, host: SimHost, onTaken: (raftId: number) => void): void {
  const { process } = host.manager;
  const again = (afterMs: number): void => {
    process.after(afterMs, () => {
      askToJoin(between, host, onTaken);
    });
  };
  const asked = between.random.pick(between.hosts);
  if (asked === host || !asked.manager.isWanted) {
    again(RETRY_MS);
    return;
  }
  let isAnswered = false;
  const answer = (run: () => void): void => {
    travel(between, asked.number, host.number, () => {
      process.whenAwake(() => {
        if (!isAnswered) {
          isAnswered = true;
          run();
        }
      }, life);
    });
  };
  const { life } = process;
  travel(between, host.number, asked.number, () => {
    const { plane } = asked.manager;
    asked.manager.process.whenAwake(() => {
      plane?.takeIn({ nodeId: host.nodeId, addr: addressOf(host.number) }).then(
        (raftId) => {
          answer(() => {
            onTaken(raftId);
          });
        },
        () => {
          answer(() => {
            again(RETRY_MS);
          });
        },
      );
    });
  });
  process.after(TIMEOUT_MS, () => {
    if (!isAnswered) {
      isAnswered = true;
      askToJoin(between, host, onTaken);
    }
  });
}

/** Calls `run` where a message arrives; never when it is lost on the way. */
function travel(between: Between, from: number, to: number, run: () => void): void {
  const [low, high] = between.latencyMs;
  between.queue.after(low + between.random.nextInt(high - low + 1), () => {
    if (!between.isCut(from, to)) {
      run();
    }
  });
}
