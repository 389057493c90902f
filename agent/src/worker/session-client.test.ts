import { EventEmitter } from 'node:events';

import { pino } from 'pino';
import { describe, expect, test } from 'vitest';

import type { Timers } from '@skep/kernel';
import type { NodeDescription } from '@skep/model';
import { AgentMessage, decodeFrame, encodeFrame, type ManagerMessage } from '@skep/wire';

import type { NodeTls } from './identity-store.ts';
import type { ManagerSocket } from './manager-socket.ts';
import { SessionClient } from './session-client.ts';

const DESCRIPTION: NodeDescription = {
  hostname: 'n',
  platform: { os: 'linux', architecture: 'x86_64' },
  resources: { nanoCpus: 1, memoryBytes: 1 },
  engine: { version: '1', labels: {}, plugins: [] },
};

/** Time that passes only when told to, in steps that let promises settle. */
class TestTimers implements Timers {
  nowMs = 0;
  #due: { readonly atMs: number; readonly run: () => void }[] = [];

  after(delayMs: number, run: () => void): () => void {
    const entry = { atMs: this.nowMs + delayMs, run };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((other) => other !== entry);
    };
  }

  async pass(durationMs: number): Promise<void> {
    for (const end = this.nowMs + durationMs; this.nowMs < end; this.nowMs += 10) {
      const due = this.#due.filter(({ atMs }) => atMs <= this.nowMs);
      this.#due = this.#due.filter(({ atMs }) => atMs > this.nowMs);
      for (const { run } of due) {
        run();
      }
      await new Promise(setImmediate);
    }
  }
}

/** Managers h1 to h3 as the agent meets them; one that vanished takes connections and says nothing. */
class TestManagers {
  leader: string | undefined = 'h1';
  readonly vanished = new Set<string>();
  readonly sessions: string[] = [];

  readonly dial = (addr: string): ManagerSocket => {
    const events = new EventEmitter();
    let isClosed = false;
    const close = (): void => {
      if (!isClosed) {
        isClosed = true;
        setImmediate(() => events.emit('close'));
      }
    };
    if (!this.vanished.has(addr)) {
      setImmediate(() => events.emit('open'));
    }
    return {
      bufferedAmount: 0,
      close,
      terminate: close,
      send: (frame) => {
        const answer = this.#answer(addr, decodeFrame(AgentMessage, frame));
        if (answer !== undefined && !isClosed) {
          setImmediate(() => events.emit('message', Buffer.from(encodeFrame(answer))));
        }
      },
      on: (event: string, listener: (data: never) => void) => events.on(event, listener as () => void),
    };
  };

  #answer(addr: string, message: AgentMessage): ManagerMessage | undefined {
    if (this.vanished.has(addr)) {
      return undefined;
    }
    const leader = this.leader === undefined ? {} : { leaderAddr: this.leader };
    switch (message.t) {
      case 'whoLeads':
        return { t: 'leader', ...leader, managers: [] };
      case 'heartbeat':
        return { t: 'heartbeatAck' };
      case 'hello':
        if (addr !== this.leader) {
          return { t: 'notLeader', ...leader, managers: [] };
        }
        this.sessions.push(addr);
        return {
          t: 'welcome',
          v: 1,
          sessionId: `s${String(this.sessions.length)}`,
          nodeId: 'n',
          role: 'worker',
          heartbeatMs: 1_000,
          managers: [],
          dataPathPort: 4789,
          cluster: { id: 'c', name: 'default' },
        };
      default:
        return undefined;
    }
  }
}

function newClient(managers: TestManagers, timers: TestTimers): SessionClient {
  return new SessionClient({
    log: pino({ level: 'silent' }),
    identity: () => Promise.resolve({} as NodeTls),
    managers: () => ['h1', 'h2', 'h3'].map((addr) => ({ nodeId: addr, addr })),
    hello: () => Promise.resolve({ t: 'hello', v: 1, description: DESCRIPTION }),
    opened: () => undefined,
    received: () => undefined,
    closed: () => undefined,
    removed: () => undefined,
    managersChanged: () => undefined,
    random: () => 0.5,
    timers,
    dial: managers.dial,
  });
}

describe('SessionClient', () => {
  test('leaves a leader whose host vanished for the next one, long before its heartbeats run out', async () => {
    const timers = new TestTimers();
    const managers = new TestManagers();
    const client = newClient(managers, timers);
    client.start();
    await timers.pass(3_000);
    expect(managers.sessions).toEqual(['h1']);
    managers.vanished.add('h1');
    managers.leader = undefined;
    await timers.pass(1_000);
    managers.leader = 'h3';
    await timers.pass(1_000);
    expect(managers.sessions).toEqual(['h1', 'h3']);
    await client.stop();
  });

  test('stays with a leader that is slow and still leads', async () => {
    const timers = new TestTimers();
    const managers = new TestManagers();
    const client = newClient(managers, timers);
    client.start();
    await timers.pass(1_000);
    managers.vanished.add('h1');
    await timers.pass(1_800);
    managers.vanished.delete('h1');
    await timers.pass(10_000);
    expect(managers.sessions).toEqual(['h1']);
    expect(client.isOpen).toBe(true);
    await client.stop();
  });

  test('finds the leader although a manager it knows is gone', async () => {
    const timers = new TestTimers();
    const managers = new TestManagers();
    managers.vanished.add('h1');
    managers.leader = 'h2';
    const client = newClient(managers, timers);
    client.start();
    await timers.pass(300);
    expect(managers.sessions).toEqual(['h2']);
    await client.stop();
  });
});
