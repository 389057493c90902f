import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes, type Hash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { until } from '../engine/testing/engine-fixture.ts';
import { SwarmdFixture, hasDockerCli } from './testing/swarmd-fixture.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const BLOCK = randomBytes(MIB);
/** Pipes and sockets between a client and the program it speaks to, with room to spare. */
const IN_FLIGHT_BYTES_MAX = 48 * MIB;
/** How much more memory swarmd may take at its highest while a gigabyte passes. */
const MEMORY_BYTES_MAX = 48 * MIB;
/** `SKEP_STREAM_MIB` streams less, for a quick look. */
const STREAM_BYTES = Number(process.env['SKEP_STREAM_MIB'] ?? '1024') * MIB;

/**
 * Goal: a stream of any length passes whole, a slow end makes the other one wait, and the daemon between them keeps
 * none of it. Method: a gigabyte each way through the docker CLI, with the ends slowed down. Needs root.
 */
describe.skipIf(!hasDockerCli())('long streams of the docker CLI', () => {
  let host: SwarmdFixture;

  beforeAll(async () => {
    host = await SwarmdFixture.start();
    await host.ok('run', '-d', '--name', 'box', 'busybox', 'sleep', '10000');
  });

  afterAll(async () => {
    await host.stop();
  });

  function start(args: readonly string[]): ChildProcess {
    return spawn('docker', args, { env: host.environment, stdio: ['pipe', 'pipe', 'inherit'] });
  }

  function ended(child: ChildProcess): Promise<number | null> {
    return new Promise((resolve) => child.once('close', resolve));
  }

  function memory(field: 'VmHWM' | 'VmRSS'): number {
    const status = readFileSync(`/proc/${String(host.pid)}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  }

  /** By how much the memory of swarmd grew at most while work was done. */
  async function growth(work: () => Promise<void>): Promise<number> {
    // 5: forget the highest mark (proc(5), clear_refs).
    writeFileSync(`/proc/${String(host.pid)}/clear_refs`, '5');
    const before = memory('VmRSS');
    await work();
    return memory('VmHWM') - before;
  }

  /** Writes blocks as they are taken until there are `bytes` of them; `written` tells how far it is. */
  function feed(child: ChildProcess, bytes: number): { readonly written: () => number; readonly hash: Hash } {
    const hash = createHash('md5');
    let offered = 0;
    const more = (): void => {
      while (offered < bytes) {
        offered += BLOCK.length;
        hash.update(BLOCK);
        if (child.stdin?.write(BLOCK) === false) {
          child.stdin.once('drain', more);
          return;
        }
      }
      child.stdin?.end();
    };
    more();
    return { written: () => offered, hash };
  }

  test.each([
    ['run', ['run', '--rm', '-i', 'busybox']],
    ['exec', ['exec', '-i', 'box']],
  ])(
    '%s: input waits for a program that does not read yet, then arrives whole',
    async (_verb, args) => {
      const child = start([
        ...args,
        'sh',
        '-c',
        'echo ready; while ! test -e /go; do sleep 0.1; done; md5sum; rm -f /go',
      ]);
      let output = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      const closed = ended(child);
      let source: ReturnType<typeof feed> | undefined;
      const grown = await growth(async () => {
        await until(() => output.includes('ready'), 30_000);
        source = feed(child, STREAM_BYTES);
        await untilStill(source.written);
        expect(source.written()).toBeLessThan(IN_FLIGHT_BYTES_MAX);
        const name = args[0] === 'run' ? await host.ok('ps', '-lq') : 'box';
        await host.ok('exec', name, 'touch', '/go');
        expect(await closed).toBe(0);
      });
      expect(output).toBe(`ready\n${source?.hash.digest('hex') ?? ''}  -\n`);
      expect(grown).toBeLessThan(MEMORY_BYTES_MAX);
    },
    180_000,
  );

  test.each([
    ['run', ['run', '--rm', '--log-driver', 'none', 'busybox']],
    ['exec', ['exec', 'box']],
  ])(
    '%s: a program waits for a client that does not read, and loses nothing',
    async (_verb, args) => {
      const script = `head -c ${String(STREAM_BYTES)} /dev/zero`;
      const child = start([...args, 'sh', '-c', script]);
      const closed = ended(child);
      let received = 0;
      const grown = await growth(async () => {
        // Not read: the client's pipe fills up, and everything behind it.
        await until(() => (child.stdout?.readableLength ?? 0) > 0, 30_000);
        child.stdout?.pause();
        await delay(1000);
        const container = args[0] === 'run' ? await host.ok('ps', '-lq') : 'box';
        expect(await host.ok('top', container)).toContain('head -c');
        child.stdout?.on('data', (chunk: Buffer) => {
          received += chunk.length;
        });
        child.stdout?.resume();
        expect(await closed).toBe(0);
      });
      expect(received).toBe(STREAM_BYTES);
      expect(grown).toBeLessThan(MEMORY_BYTES_MAX);
    },
    180_000,
  );

  test('output that is logged as well passes whole, within the bounds of the log', async () => {
    const bytes = Math.min(STREAM_BYTES, GIB) / 8;
    const child = start([
      ...['run', '--name', 'logged', '--log-opt', 'max-size=1m', '--log-opt', 'max-file=2', 'busybox'],
      ...['sh', '-c', `yes 0123456789abcde | head -c ${String(bytes)}`],
    ]);
    let received = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    expect(await ended(child)).toBe(0);
    expect(received).toBe(bytes);
    expect((await host.ok('logs', '--tail', '1', 'logged')).slice(0, 15)).toBe('0123456789abcde');
    await host.ok('rm', 'logged');
  }, 120_000);
});

/** Waits until a number stays the same for a second. */
async function untilStill(count: () => number): Promise<void> {
  let last = -1;
  let since = Date.now();
  await until(() => {
    if (count() !== last) {
      last = count();
      since = Date.now();
    }
    return Date.now() - since > 1000;
  }, 60_000);
}
