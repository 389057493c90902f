import { describe, expect, test } from 'vitest';

import { TestStore } from '../testing/test-store.ts';
import {
  createApiToken,
  createSession,
  createUser,
  extendSession,
  removeEndedAccess,
  removeUser,
  updateUser,
} from './access.ts';
import { createCluster, setJoinTokens, setSetupLink, updateCluster } from './cluster.ts';

describe('the cluster', () => {
  test('settings, tokens and the set-up link', () => {
    const store = new TestStore();
    const cluster = store.view.cluster()!;
    const spec = { ...cluster.spec, raft: { ...cluster.spec.raft, electionTick: 1 } };
    expect(store.refusal((tx) => updateCluster(tx, { spec }))).toBe(
      'invalid_argument: election tick must be greater than heartbeat tick',
    );
    store.run((tx) => setJoinTokens(tx, { worker: 'new' }));
    expect(store.view.cluster()?.joinTokens).toEqual({ worker: 'new', manager: 'm' });
    store.run((tx) => setSetupLink(tx, { tokenSha256: 'x', expiresAtMs: 1 }));
    store.run((tx) => setSetupLink(tx, undefined));
    expect(store.view.cluster()?.setup).toBeUndefined();
    expect(store.refusal((tx) => createCluster(tx, { ...cluster, id: 'c2' }, store))).toBe(
      'already_exists: the cluster object is there already',
    );
  });
});

describe('access', () => {
  test('an administrator is always left, and changes end sessions', () => {
    const store = new TestStore();
    const admin = store.run((tx) => createUser(tx, { name: 'ann', role: 'admin', passwordHash: 'h' }, store));
    expect(store.refusal((tx) => updateUser(tx, { user: 'ann', role: 'viewer' }))).toBe(
      'failed_precondition: user ann is the last administrator; make another user one first',
    );
    expect(store.refusal((tx) => removeUser(tx, 'ann'))).toMatch(/^failed_precondition/);
    store.run((tx) => createUser(tx, { name: 'bob', role: 'admin', passwordHash: 'h' }, store));
    const session = { userId: admin.id, expiresAtMs: 5000, endsAtMs: 9000, from: 'x' };
    const opened = store.run((tx) => createSession(tx, { ...session, cookieSha256: 'c1' }, store));
    expect(store.view.sessionBySha256('c1')?.id).toBe(opened.id);
    store.run((tx) => extendSession(tx, opened.id, 99_000));
    expect(store.view.get('session', opened.id)?.expiresAtMs).toBe(9000);
    store.run((tx) => updateUser(tx, { user: 'ann', role: 'viewer' }));
    expect(store.view.count('session')).toBe(0);
    store.run((tx) => createSession(tx, { ...session, cookieSha256: 'c2' }, store));
    store.nowMs = 6000;
    store.run((tx) => removeEndedAccess(tx));
    expect(store.view.count('session')).toBe(0);
  });

  test('sessions of a user are bounded, and tokens have one owner and name', () => {
    const store = new TestStore();
    const user = store.run((tx) => createUser(tx, { name: 'ann', role: 'admin', passwordHash: 'h' }, store));
    for (let i = 0; i < 60; i += 1) {
      store.run((tx) =>
        createSession(
          tx,
          { userId: user.id, cookieSha256: String(i), expiresAtMs: 1e6, endsAtMs: 1e6, from: '' },
          store,
        ),
      );
    }
    expect(store.view.count('session')).toBe(50);
    expect(store.view.sessionBySha256('9')).toBeUndefined();
    const token = { name: 'ci', role: 'deployer', ownerId: user.id, expiresAtMs: 1e6 } as const;
    store.run((tx) => createApiToken(tx, { ...token, tokenSha256: 'a' }, store));
    expect(store.refusal((tx) => createApiToken(tx, { ...token, tokenSha256: 'b' }, store))).toMatch(
      /^name_conflict/,
    );
    expect(store.view.apiTokenBySha256('a')?.name).toBe('ci');
    expect(store.view.apiTokenBySha256('b')).toBeUndefined();
  });
});
