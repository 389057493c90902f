import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { TOPICS, topicsFor, TOPIC_PERMISSIONS } from './protocol.ts';
import type { DeltaFrame, Op, Row, SnapFrame, Topic, WelcomeFrame } from './protocol.ts';
import { LiveStore } from './store.ts';

const ALL = Object.values(TOPIC_PERMISSIONS);

function welcome(rev: number, resumed = false, perms = ALL): WelcomeFrame {
  return {
    t: 'welcome',
    epoch: 'e',
    rev,
    now: 0,
    build: '',
    node: { id: 'n', name: 'n', role: 'manager' },
    user: { principal: '', name: '', role: '' },
    perms,
    resumed,
    managers: [],
    quorum: true,
    deps: { db: 'ok', metrics: 'off' },
  };
}

function snap(topic: Topic, rev: number, rows: readonly Row[], last = true): SnapFrame {
  const cols = ['id', ...new Set(rows.flatMap((row) => Object.keys(row)).filter((key) => key !== 'id'))];
  return {
    t: 'snap',
    topic,
    rev,
    part: 0,
    last,
    cols,
    rows: rows.map((row) => cols.map((column) => row[column] ?? null)),
  };
}

function delta(prev: number, rev: number, ops: readonly Op[]): DeltaFrame {
  return { t: 'delta', prev, rev, ts: 0, ops };
}

function newStore() {
  const commits: (() => void)[] = [];
  const store = new LiveStore({
    indexes: [{ name: 'byService', topic: 'tasks', column: 'serviceId' }],
    schedule: (commit) => commits.push(commit),
  });
  const flush = () => {
    commits.splice(0).forEach((commit) => {
      commit();
    });
  };
  return { store, flush };
}

function loaded(rows: Partial<Record<Topic, readonly Row[]>> = {}) {
  const made = newStore();
  made.store.welcome(welcome(10));
  for (const topic of TOPICS) {
    made.store.ingest(snap(topic, 10, rows[topic] ?? []));
  }
  made.flush();
  return made;
}

describe('snapshot', () => {
  test('is seen only when every topic is whole', () => {
    const { store, flush } = newStore();
    store.welcome(welcome(5));
    store.ingest(snap('nodes', 5, [{ id: 'a' }]));
    flush();
    expect(store.isLoaded).toBe(false);
    expect(store.resume).toBeUndefined();
    for (const topic of TOPICS.filter((each) => each !== 'nodes')) {
      store.ingest(snap(topic, 5, []));
    }
    flush();
    expect(store.list('nodes')).toEqual([{ id: 'a' }]);
    expect(store.resume).toEqual({ epoch: 'e', rev: 5 });
  });

  test('awaits only the topics the person may see', () => {
    const { store, flush } = newStore();
    store.welcome(welcome(5, false, ['node.read']));
    store.ingest(snap('nodes', 5, [{ id: 'a' }]));
    flush();
    expect(store.isLoaded).toBe(true);
    expect(topicsFor(['node.read'])).toEqual(['nodes']);
  });

  test('comes in parts', () => {
    const { store, flush } = loaded();
    store.welcome(welcome(11));
    store.ingest(snap('tasks', 11, [{ id: 'a' }], false));
    store.ingest(snap('tasks', 11, [{ id: 'b' }]));
    for (const topic of TOPICS.filter((each) => each !== 'tasks')) {
      store.ingest(snap(topic, 11, []));
    }
    flush();
    expect(store.list('tasks').map((row) => row['id'])).toEqual(['a', 'b']);
  });

  test('keeps the identity of rows that did not change', () => {
    const { store, flush } = loaded({ services: [{ id: 's', spec: { name: 'web' } }] });
    const before = store.get('services', 's');
    store.welcome(welcome(20));
    for (const topic of TOPICS) {
      store.ingest(snap(topic, 20, topic === 'services' ? [{ id: 's', spec: { name: 'web' } }] : []));
    }
    flush();
    expect(store.get('services', 's')).toBe(before);
    expect(store.rev).toBe(20);
  });

  test('removes what is no longer there, even when it arrived in a delta not yet seen', () => {
    const { store, flush } = loaded();
    store.ingest(delta(10, 11, [['nodes', '+', 'x', { id: 'x' }]]));
    store.welcome(welcome(12));
    for (const topic of TOPICS) {
      store.ingest(snap(topic, 12, []));
    }
    flush();
    expect(store.list('nodes')).toEqual([]);
  });

  test('that broke off leaves nothing behind', () => {
    const { store, flush } = loaded({ nodes: [{ id: 'a' }] });
    store.welcome(welcome(12));
    store.ingest(snap('nodes', 12, [{ id: 'b' }]));
    store.welcome(welcome(13));
    for (const topic of TOPICS) {
      store.ingest(snap(topic, 13, topic === 'nodes' ? [{ id: 'c' }] : []));
    }
    flush();
    expect(store.list('nodes')).toEqual([{ id: 'c' }]);
  });
});

describe('delta', () => {
  test('is refused when it does not follow', () => {
    const { store } = loaded();
    expect(store.ingest(delta(11, 12, []))).toBe('resync');
    expect(store.ingest(delta(10, 12, []))).toBe('applied');
    expect(store.resume?.rev).toBe(12);
  });

  test('becomes visible whole and at once', () => {
    const { store, flush } = loaded();
    store.ingest(
      delta(10, 11, [
        ['nodes', '+', 'a', { id: 'a' }],
        ['tasks', '+', 't', { id: 't', serviceId: 's' }],
      ]),
    );
    expect(store.list('nodes')).toEqual([]);
    flush();
    expect(store.list('nodes')).toHaveLength(1);
    expect(store.indexed('byService', 's')).toHaveLength(1);
  });

  test('replaces only the columns it names, and null removes one', () => {
    const { store, flush } = loaded({ nodes: [{ id: 'a', name: 'one', manager: { leader: true } }] });
    store.ingest(delta(10, 11, [['nodes', '~', 'a', { manager: null }]]));
    flush();
    expect(store.get('nodes', 'a')).toEqual({ id: 'a', name: 'one' });
  });

  test('moves rows between index entries', () => {
    const { store, flush } = loaded({ tasks: [{ id: 't', serviceId: 'a' }] });
    expect(store.indexed('byService', 'a')).toHaveLength(1);
    store.ingest(delta(10, 11, [['tasks', '~', 't', { serviceId: 'b' }]]));
    flush();
    expect(store.indexed('byService', 'a')).toHaveLength(0);
    expect(store.indexed('byService', 'b')).toHaveLength(1);
  });

  test('wakes the keys it touches and no others', () => {
    const { store, flush } = loaded({ nodes: [{ id: 'a' }, { id: 'b' }] });
    const woken: string[] = [];
    for (const key of ['nodes', 'nodes/a', 'nodes/b', 'services', 'rev']) {
      store.subscribe(key, () => woken.push(key));
    }
    store.ingest(delta(10, 11, [['nodes', '~', 'a', { x: 1 }]]));
    flush();
    expect(woken.sort()).toEqual(['nodes', 'nodes/a', 'rev']);
  });
});

test('a mark moves the resume point', () => {
  const { store } = loaded();
  expect(store.mark(15)).toBe('applied');
  expect(store.resume?.rev).toBe(15);
  expect(store.ingest(delta(15, 16, []))).toBe('applied');
  expect(store.mark(3)).toBe('resync');
});

/** The manager as the property sees it: rows, and the log of its changes. */
type Change = {
  readonly kind: '+' | '~' | '-';
  readonly id: number;
  readonly value: number;
  readonly service: number;
};

test('whatever is lost, cut off or resumed, the client ends where the manager is', () => {
  const change = fc.record({
    kind: fc.constantFrom<Change['kind']>('+', '~', '-'),
    id: fc.nat(5),
    value: fc.nat(3),
    service: fc.nat(2),
  });
  const event = fc.oneof(
    { weight: 6, arbitrary: fc.record({ type: fc.constant('change' as const), change }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('commit' as const) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('lose' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constantFrom('resume' as const, 'restart' as const, 'cut' as const) }),
    },
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const { store, flush } = loaded();
      const rows = new Map<string, Row>();
      const log: DeltaFrame[] = [];
      let rev = 10;
      let isLost = false;
      const snapshot = (upTo = TOPICS.length) => {
        store.welcome(welcome(rev));
        TOPICS.slice(0, upTo).forEach((topic) => {
          store.ingest(snap(topic, rev, topic === 'tasks' ? [...rows.values()] : []));
        });
      };
      const resync = () => {
        const from = store.resume?.rev;
        if (from === undefined) {
          snapshot();
          return;
        }
        store.welcome(welcome(rev, true));
        log.filter((entry) => entry.prev >= from).forEach((entry) => store.ingest(entry));
      };
      for (const each of events) {
        if (each.type === 'change') {
          const { kind, value, service } = each.change;
          const id = `t${String(each.change.id)}`;
          const columns = { value, serviceId: `s${String(service)}` };
          const old = rows.get(id);
          if (kind === '-' ? old === undefined : (kind === '~') !== (old !== undefined)) {
            continue;
          }
          if (kind === '-') {
            rows.delete(id);
          } else {
            rows.set(id, { id, ...columns });
          }
          const op: Op =
            kind === '-'
              ? ['tasks', '-', id]
              : ['tasks', kind, id, kind === '+' ? { id, ...columns } : columns];
          const entry = delta(rev, rev + 1, [op]);
          log.push(entry);
          rev += 1;
          if (!isLost && store.ingest(entry) === 'resync') {
            resync();
          }
        } else if (each.type === 'commit') {
          flush();
        } else if (each.type === 'lose') {
          isLost = true;
        } else {
          isLost = false;
          if (each.type === 'resume') {
            resync();
          } else {
            snapshot(each.type === 'cut' ? 3 : TOPICS.length);
          }
        }
      }
      resync();
      flush();
      store.commit();
      expect(new Map(store.list('tasks').map((row) => [row['id'], row]))).toEqual(rows);
      for (const service of ['s0', 's1', 's2']) {
        const wanted = [...rows.values()]
          .filter((row) => row['serviceId'] === service)
          .map((row) => row['id']);
        expect(
          store
            .indexed('byService', service)
            .map((row) => row['id'])
            .sort(),
        ).toEqual(wanted.sort());
      }
      expect(store.rev).toBe(rev);
    }),
    { numRuns: 400 },
  );
});
