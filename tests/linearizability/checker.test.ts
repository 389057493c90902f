import { Prng } from '@skep/kernel';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { check, type Operation } from './checker.ts';
import { registerModel, type RegisterInput, type RegisterOutput } from './register.ts';

type Op = Operation<RegisterInput, RegisterOutput>;

const model = registerModel({ value: 'a', version: 1 });
const write = (value: string): RegisterInput => ({ op: 'write', value });
const read: RegisterInput = { op: 'read' };
const cas = (version: number, value: string): RegisterInput => ({ op: 'cas', version, value });
const saw = (value: string, version: number): RegisterOutput => ({ kind: 'value', value, version });
const wrote = (version: number): RegisterOutput => ({ kind: 'written', version });
const conflict: RegisterOutput = { kind: 'conflict' };
const unknown: RegisterOutput = { kind: 'unknown' };

let client = 0;
const op = (input: RegisterInput, output: RegisterOutput, callMs: number, returnMs: number): Op => {
  client += 1;
  return { client, input, output, callMs, returnMs };
};

describe('histories that are linearizable', () => {
  test.each<[string, Op[]]>([
    ['none at all', []],
    ['one after another', [op(write('b'), wrote(2), 0, 1), op(read, saw('b', 2), 2, 3)]],
    ['a read beside a write sees the old', [op(write('b'), wrote(2), 0, 10), op(read, saw('a', 1), 1, 2)]],
    ['a read beside a write sees the new', [op(write('b'), wrote(2), 0, 10), op(read, saw('b', 2), 1, 2)]],
    [
      'a write whose answer never came takes effect late',
      [op(write('b'), unknown, 0, Infinity), op(read, saw('a', 1), 5, 6), op(read, saw('b', 9), 7, 8)],
    ],
    [
      'a write whose answer never came never takes effect',
      [op(write('b'), unknown, 0, Infinity), op(read, saw('a', 1), 5, 6)],
    ],
    [
      'one of two compare-and-sets wins',
      [op(cas(1, 'b'), wrote(2), 0, 10), op(cas(1, 'c'), conflict, 0, 10), op(read, saw('b', 2), 11, 12)],
    ],
    [
      'a compare-and-set against a version that an unknown write made',
      [
        op(write('b'), unknown, 0, Infinity),
        op(read, saw('b', 5), 1, 2),
        op(cas(5, 'c'), wrote(6), 3, 4),
        op(read, saw('c', 6), 5, 6),
      ],
    ],
  ])('%s', (_name, history) => {
    expect(check(model, history)).toEqual({ isLinearizable: true });
  });
});

describe('histories that must fail', () => {
  test.each<[string, Op[]]>([
    ['a stale read', [op(write('b'), wrote(2), 0, 1), op(read, saw('a', 1), 2, 3)]],
    [
      'a lost write',
      [op(write('b'), wrote(2), 0, 1), op(write('c'), wrote(3), 2, 3), op(read, saw('b', 2), 4, 5)],
    ],
    ['a value from nowhere', [op(read, saw('z', 1), 0, 1)]],
    ['a refused write that took effect', [op(cas(7, 'b'), conflict, 0, 1), op(read, saw('b', 2), 2, 3)]],
    [
      'two winners of one compare-and-set',
      [op(cas(1, 'b'), wrote(2), 0, 10), op(cas(1, 'c'), wrote(3), 0, 10)],
    ],
    [
      'new, then old again',
      [op(write('b'), wrote(2), 0, 10), op(read, saw('b', 2), 1, 2), op(read, saw('a', 1), 3, 4)],
    ],
    [
      'a write without answer that takes effect twice',
      [
        op(write('b'), unknown, 0, Infinity),
        op(read, saw('b', 2), 1, 2),
        op(write('c'), wrote(3), 3, 4),
        op(read, saw('b', 4), 5, 6),
      ],
    ],
    ['a conflict although nothing had changed', [op(cas(1, 'b'), conflict, 0, 1)]],
    ['a version that goes back', [op(write('b'), wrote(5), 0, 1), op(write('c'), wrote(4), 2, 3)]],
    ['before its call', [op(read, saw('b', 2), 0, 1), op(write('b'), wrote(2), 2, 3)]],
  ])('%s', (_name, history) => {
    expect(check(model, history)).toMatchObject({ isLinearizable: false });
  });
});

/** A history of a real register: each operation takes effect at a random time between call and answer. */
function realHistory(seed: bigint, count: number): Op[] {
  const random = new Prng(seed);
  const below = (limit: number): number => random.nextInt(limit);
  const points = Array.from({ length: count }, (_, i) => {
    const atMs = below(count * 4);
    return { i, atMs, callMs: atMs - below(12), returnMs: atMs + below(12) };
  }).sort((a, b) => a.atMs - b.atMs);
  let state = { value: 'a', version: 1 };
  return points.map(({ i, callMs, returnMs }) => {
    const choice = below(3);
    if (choice === 0) {
      return op(read, saw(state.value, state.version), callMs, returnMs);
    }
    const isCas = choice === 1;
    const expected = below(2) === 0 ? state.version : state.version + 1;
    if (isCas && expected !== state.version) {
      return op(cas(expected, 'x'), conflict, callMs, returnMs);
    }
    state = { value: `v${String(i)}`, version: state.version + 1 };
    const input = isCas ? cas(expected, state.value) : write(state.value);
    return below(8) === 0
      ? op(input, unknown, callMs, Infinity)
      : op(input, wrote(state.version), callMs, returnMs);
  });
}

test('every history of a real register passes, and one with a read of the distant past does not', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 62n }), (seed) => {
      const history = realHistory(seed, 40);
      expect(check(model, history)).toEqual({ isLinearizable: true });
      const last = Math.max(...history.map(({ returnMs }) => (returnMs === Infinity ? 0 : returnMs)));
      const hasWritten = history.some(({ output }) => output.kind === 'written');
      const stale = [...history, op(read, saw('a', 1), last + 100, last + 101)];
      expect(check(model, stale).isLinearizable).toBe(!hasWritten);
    }),
    { numRuns: 40 },
  );
});
