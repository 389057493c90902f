import { setTimeout as delay } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { Prng } from '@skep/kernel';
import { mustCall, waitUntil } from '@skep/lab';

import { byKey, check } from '../linearizability/checker.ts';
import { RegisterClient, type RecordedOperation } from '../linearizability/register-client.ts';
import { registerModel, type RegisterInput } from '../linearizability/register.ts';
import { settle } from '../linearizability/settle.ts';
import { LabFixture } from './lab-fixture.ts';

/** SKEP_LINEARIZABILITY_SECONDS=1800 makes it longer; SKEP_SEED repeats the choices of a run. */
const SECONDS = Number(process.env['SKEP_LINEARIZABILITY_SECONDS'] ?? 120);
const SEED = BigInt(process.env['SKEP_SEED'] ?? Date.now());
const HOSTS = ['h1', 'h2', 'h3'];
const KEYS = ['register-0', 'register-1', 'register-2', 'register-3'];
const CLIENTS = 6;

const fixture = new LabFixture({ hosts: 3, managers: 3 });
const socketOf = (host: string): string => fixture.lab.host(host).paths.apiSocket;
const pick = <T>(random: Prng, items: readonly T[]): T => items[random.nextInt(items.length)] as T;

/** One fault, held for a while and taken back. */
async function fault(random: Prng): Promise<string> {
  const victim = pick(random, HOSTS);
  const holdMs = 1000 + random.nextInt(4000);
  const kind = pick(random, ['crash', 'pause', 'partition', 'kill-manager', 'kill-agent'] as const);
  const { lab } = fixture;
  const host = lab.host(victim);
  switch (kind) {
    case 'crash':
      await lab.crash(victim);
      await delay(holdMs);
      await lab.start(victim);
      break;
    case 'pause':
      host.pause();
      await delay(holdMs);
      host.resume();
      break;
    case 'partition':
      await lab.switch.partition(
        [victim],
        HOSTS.filter((name) => name !== victim),
      );
      await delay(holdMs);
      await lab.switch.heal();
      break;
    case 'kill-manager':
      // After a fault before, the others may answer while this one is still being started.
      await waitUntil('a manager to kill', () => Promise.resolve(host.manager !== undefined), {
        timeoutMs: 30_000,
        everyMs: 50,
      });
      await host.killManager();
      break;
    case 'kill-agent':
      await host.killAgent();
      await delay(holdMs);
      await lab.start(victim);
      break;
  }
  return `${kind} ${victim}`;
}

function choose(random: Prng, value: string, lastVersion: number): RegisterInput {
  const what = random.nextInt(10);
  if (what < 5) {
    return { op: 'read' };
  }
  return what < 7 ? { op: 'write', value } : { op: 'cas', version: lastVersion, value };
}

/** A client of its own pace: it goes on with the version it saw last, which may be out of date by then. */
async function runClient(
  id: number,
  endMs: number,
  record: (operation: RecordedOperation) => void,
): Promise<void> {
  const random = new Prng(SEED + BigInt(id) * 1_000_003n);
  const client = new RegisterClient(id);
  const versions = new Map<string, number>();
  for (let count = 0; performance.now() < endMs; count += 1) {
    const key = pick(random, KEYS);
    const input = choose(random, `${String(id)}-${String(count)}`, versions.get(key) ?? 0);
    const done = await client.run(socketOf(pick(random, HOSTS)), key, input);
    if (done !== undefined) {
      record(done);
      if (done.output.kind === 'value' || done.output.kind === 'written') {
        versions.set(key, done.output.version);
      }
    } else {
      await delay(20);
    }
  }
}

test(
  'registers stay linearizable while hosts crash, stop and are cut off',
  async () => {
    process.stdout.write(`linearizability: SKEP_SEED=${String(SEED)}, ${String(SECONDS)} s\n`);
    const initial = new Map<string, number>();
    for (const name of KEYS) {
      const made = (await mustCall(socketOf('h1'), {
        method: 'POST',
        path: '/api/v1/configs',
        body: { name, labels: { v: 'initial' }, data: Buffer.from('-').toString('base64') },
      })) as { rev: number };
      initial.set(name, made.rev);
    }
    const history: RecordedOperation[] = [];
    const faults: string[] = [];
    const endMs = performance.now() + SECONDS * 1000;
    const clients = Array.from({ length: CLIENTS }, (_, id) =>
      runClient(id, endMs, (operation) => history.push(operation)),
    );
    const random = new Prng(SEED);
    while (performance.now() < endMs - 10_000) {
      faults.push(await fault(random));
      // A majority must have agreed again before the next one: two faults at once would only stop everything.
      await waitUntil(
        'a read of the newest state',
        async () =>
          (await new RegisterClient(99).run(socketOf(pick(random, HOSTS)), KEYS[0] ?? '', { op: 'read' })) !==
          undefined,
        { timeoutMs: 60_000, everyMs: 100 },
      );
    }
    await Promise.all(clients);

    const kinds = new Map<string, number>();
    for (const { input, output } of history) {
      const kind = `${input.op} ${output.kind}`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    process.stdout.write(
      `linearizability: ${String(history.length)} operations, ${String(faults.length)} faults (${faults.join(', ')}); ` +
        `${[...kinds].map(([kind, count]) => `${kind} ${String(count)}`).join(', ')}\n`,
    );
    for (const [key, operations] of byKey(history)) {
      const model = registerModel({ value: 'initial', version: initial.get(key) });
      expect(check(model, settle(operations)), `${key} with SKEP_SEED=${String(SEED)}`).toEqual({
        isLinearizable: true,
      });
    }
    // A run in which nothing happened proves nothing.
    expect(kinds.get('write written') ?? 0).toBeGreaterThan(10);
    expect(kinds.get('cas written') ?? 0).toBeGreaterThan(10);
    expect(kinds.get('read value') ?? 0).toBeGreaterThan(50);
    expect(faults.length).toBeGreaterThan(2);
  },
  (SECONDS + 120) * 1000,
);
