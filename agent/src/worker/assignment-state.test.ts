import { describe, expect, test } from 'vitest';

import type { AssignmentChange, Assignments } from '@skep/wire';

import { applyAssignments, emptyAssignmentState, followsOn } from './assignment-state.ts';

const peer = (id: string): AssignmentChange => ({
  op: 'put',
  kind: 'peer',
  id,
  value: { nodeId: id, hostname: id, addr: '10.0.0.1', isReady: true },
});
const step = (mode: Assignments['mode'], changes: AssignmentChange[], appliesTo?: string): Assignments => ({
  t: 'assignments',
  mode,
  resultsIn: 's.1',
  changes,
  ...(appliesTo === undefined ? {} : { appliesTo }),
});

describe('applyAssignments', () => {
  test('a complete step replaces everything', () => {
    const state = emptyAssignmentState();
    applyAssignments(state, step('complete', [peer('a'), peer('b')]));
    const delta = applyAssignments(state, step('complete', [peer('b')]));
    expect([...state.peers.keys()]).toEqual(['b']);
    expect(delta.hasNetworkChange).toBe(true);
  });

  test('an incremental step adds and removes, and says what it touched', () => {
    const state = emptyAssignmentState();
    applyAssignments(state, step('complete', [peer('a')]));
    const delta = applyAssignments(
      state,
      step('incremental', [
        { op: 'remove', kind: 'peer', id: 'a' },
        { op: 'remove', kind: 'task', id: 'unknown' },
        { op: 'put', kind: 'secret', id: 'x', value: { id: 'x', name: 'x', data: new Uint8Array([1]) } },
      ]),
    );
    expect(state.peers.size).toBe(0);
    expect(delta).toMatchObject({ hasNetworkChange: true, hasPayloadChange: true });
    expect(delta.removedTaskIds.size).toBe(0);
  });
});

test('followsOn: an increment fits only on top of the step it names', () => {
  expect(followsOn(step('complete', []), undefined)).toBe(true);
  expect(followsOn(step('incremental', [], 's.0'), 's.0')).toBe(true);
  expect(followsOn(step('incremental', [], 's.0'), 's.9')).toBe(false);
  expect(followsOn(step('incremental', []), undefined)).toBe(false);
});
