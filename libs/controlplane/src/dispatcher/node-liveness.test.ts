import { describe, expect, test } from 'vitest';

import { NodeLiveness } from './node-liveness.ts';

/** Looks every 200 ms, as the dispatcher does; answers when each node was called silent. */
function watch(liveness: NodeLiveness, fromMs: number, toMs: number): Record<string, number> {
  const silent: Record<string, number> = {};
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 200) {
    for (const nodeId of liveness.takeSilent(nowMs)) {
      silent[nodeId] = nowMs;
    }
  }
  return silent;
}

describe('NodeLiveness', () => {
  test('a node is silent when its grace is over, and told once', () => {
    const liveness = new NodeLiveness();
    liveness.seen('n1', 0, 3_000);
    liveness.seen('n2', 0, 3_000);
    liveness.beat('n2', 1_000);
    expect(watch(liveness, 0, 10_000)).toEqual({ n1: 3_200, n2: 4_200 });
  });

  test("time in which this process stood still is nobody's silence", () => {
    const liveness = new NodeLiveness();
    liveness.seen('n1', 0, 3_000);
    expect(watch(liveness, 0, 2_000)).toEqual({});
    expect(watch(liveness, 12_000, 12_800)).toEqual({});
    expect(watch(liveness, 13_000, 14_000)).toEqual({ n1: 13_200 });
  });

  test('a new leader waits for the next node as long as nodes come back', () => {
    const liveness = new NodeLiveness();
    const ids = Array.from({ length: 12 }, (_, i) => `n${String(i)}`);
    for (const id of ids) {
      liveness.awaitReturn(id, 0, 2_000);
    }
    const silent: Record<string, number> = {};
    // All but the last come back, one every 400 ms.
    for (const [i, id] of ids.slice(0, -1).entries()) {
      Object.assign(silent, watch(liveness, i * 400, i * 400 + 200));
      liveness.seen(id, i * 400 + 200, 60_000);
    }
    Object.assign(silent, watch(liveness, 4_400, 10_000));
    expect(silent).toEqual({ n11: 5_400 });
  });

  test('but not for ever', () => {
    const liveness = new NodeLiveness();
    liveness.awaitReturn('gone', 0, 2_000);
    const silent: Record<string, number> = {};
    for (let i = 0; i < 60; i += 1) {
      liveness.awaitReturn(`n${String(i)}`, 0, 60_000);
    }
    for (let i = 0; i < 60; i += 1) {
      Object.assign(silent, watch(liveness, i * 400, i * 400 + 200));
      liveness.seen(`n${String(i)}`, i * 400 + 200, 60_000);
    }
    expect(silent).toEqual({ gone: 15_200 });
  });
});
