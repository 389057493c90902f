import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { callSocket, mustCall, waitUntil } from '@skep/lab';
import { buildArchive, buildImage } from '@skep/oci';
import { expect, test } from 'vitest';

import { LabFixture } from './lab-fixture.ts';

/** SKEP_BIG_LISTS_SECONDS=300 is the whole measure: 100,000 tasks and 500 MB instead of a fifth of each. */
const SECONDS = Number(process.env['SKEP_BIG_LISTS_SECONDS'] ?? 25);
const IS_WHOLE = SECONDS >= 300;
const TASKS = IS_WHOLE ? 100_000 : 20_000;
const IMAGE_BYTES = IS_WHOLE ? 500e6 : 100e6;
const CLIENTS = 50;
const HOSTS = ['h1', 'h2', 'h3'];

const fixture = new LabFixture({ hosts: 3, managers: 3 });
const socketOf = (host: string): string => fixture.lab.host(host).paths.apiSocket;

interface RaftAnswer {
  readonly term: number;
  readonly isLeader: boolean;
}

async function raftOf(host: string): Promise<RaftAnswer> {
  return (await mustCall(socketOf(host), { method: 'GET', path: '/api/v1/cluster/raft' })) as RaftAnswer;
}

/** What clients were told. */
interface Tally {
  lists: number;
  pages: number;
  /** Refused because too many lists were under way. */
  busy: number;
  readonly failures: string[];
}

/** A client that reads all tasks page by page, over and over, and counts them. */
async function runClient(host: string, endMs: number, tally: Tally): Promise<void> {
  let cursor: string | undefined;
  let count = 0;
  while (performance.now() < endMs) {
    const query = cursor === undefined ? '' : `?cursor=${cursor}`;
    const answer = await callSocket(socketOf(host), { method: 'GET', path: `/api/v1/tasks${query}` }).catch(
      (error: unknown) => ({ status: 0, body: String(error) }),
    );
    if (answer.status === 503 || answer.status === 429) {
      tally.busy += 1;
      await delay(1000);
      continue;
    }
    if (answer.status !== 200) {
      tally.failures.push(`${String(answer.status)} ${JSON.stringify(answer.body).slice(0, 200)}`);
      return;
    }
    const page = answer.body as { readonly items: readonly unknown[]; readonly next?: string };
    tally.pages += 1;
    count += page.items.length;
    cursor = page.next;
    if (cursor === undefined) {
      tally.lists += 1;
      if (count < TASKS) {
        tally.failures.push(`a list of ${String(count)} tasks`);
      }
      count = 0;
    }
  }
}

/** Bytes that no compression makes less. */
function noise(sizeBytes: number): Uint8Array {
  const bytes = new Uint32Array(Math.ceil(sizeBytes / 4));
  let state = 1;
  for (let i = 0; i < bytes.length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state;
  }
  return new Uint8Array(bytes.buffer);
}

function imageArchive(): Uint8Array {
  const content = noise(IMAGE_BYTES);
  const file = { path: 'big', type: 'file', mode: 0o644, content } as const;
  return buildArchive(buildImage({ layers: [[file]], config: { cmd: ['/big'] } }), ['big:1']);
}

/** Made before the lab is up: packing it stops everything else here for seconds. */
const archive = imageArchive();

async function upload(host: string): Promise<void> {
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const outgoing = request(
      { socketPath: fixture.lab.host(host).paths.dockerSocket, method: 'POST', path: '/images/load' },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(archive);
  });
  expect({ status, text }).toMatchObject({ status: 200, text: expect.stringContaining('big:1') as unknown });
}

function memoryMiB(host: string): number {
  const pid = fixture.lab.host(host).manager?.pid ?? 0;
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1];
  return Math.round(Number(kib) / 1024);
}

/** Slowest of what was measured. */
const slowest = (values: readonly number[]): number => Math.round(Math.max(0, ...values));

test(
  'the leader leads on while clients list all tasks and an image is uploaded',
  async () => {
    // No node has the label: the tasks are there and wait, which costs the hosts nothing.
    await mustCall(socketOf('h1'), {
      method: 'POST',
      path: '/api/v1/services',
      body: {
        name: 'crowd',
        mode: { type: 'replicated', replicas: TASKS },
        task: {
          container: { image: fixture.image },
          placement: { constraints: ['node.labels.nowhere == true'] },
        },
      },
    });
    const madeMs = performance.now();
    await waitUntil(
      'all tasks are there',
      async () => {
        const path = `/api/v1/tasks?service=crowd&slot=${String(TASKS)}&limit=1`;
        const { items } = (await mustCall(socketOf('h1'), { method: 'GET', path })) as { items: unknown[] };
        return items.length === 1;
      },
      { timeoutMs: 240_000, everyMs: 500 },
    );
    const makingS = ((performance.now() - madeMs) / 1000).toFixed(1);
    const before = await Promise.all(HOSTS.map(raftOf));
    const leader = HOSTS[before.findIndex(({ isLeader }) => isLeader)] ?? '';
    const { term } = await raftOf(leader);

    const endMs = performance.now() + SECONDS * 1000;
    const tally: Tally = { lists: 0, pages: 0, busy: 0, failures: [] };
    const clients = Array.from({ length: CLIENTS }, () => runClient(leader, endMs, tally));
    const uploads: number[] = [];
    const uploader = (async (): Promise<void> => {
      do {
        const startMs = performance.now();
        await upload(leader);
        uploads.push(performance.now() - startMs);
      } while (performance.now() < endMs);
    })();
    // Another manager sees every change of term, at any time.
    const observer = HOSTS.find((host) => host !== leader) ?? '';
    const terms = new Set<number>();
    const nodeStates = new Set<string>();
    const writes: number[] = [];
    while (performance.now() < endMs) {
      terms.add((await raftOf(observer)).term);
      const nodes = (await mustCall(socketOf(observer), { method: 'GET', path: '/api/v1/nodes' })) as {
        readonly items: readonly { readonly status: { readonly state: string } }[];
      };
      nodes.items.forEach(({ status }) => nodeStates.add(status.state));
      const startMs = performance.now();
      const name = `note-${String(writes.length)}`;
      const body = { name, labels: {}, data: Buffer.from('-').toString('base64') };
      const answer = await callSocket(socketOf(observer), { method: 'POST', path: '/api/v1/configs', body });
      writes.push(performance.now() - startMs);
      expect(answer, `a write beside the lists: ${JSON.stringify(answer.body)}`).toMatchObject({
        status: 201,
      });
      await delay(200);
    }
    await Promise.all([...clients, uploader]);
    process.stdout.write(
      `big lists: ${String(TASKS)} tasks made in ${makingS} s; ${String(SECONDS)} s: ${String(tally.lists)} lists, ` +
        `${String(tally.pages)} pages, ${String(tally.busy)} refused as busy; ${String(uploads.length)} uploads of ` +
        `${String(IMAGE_BYTES / 1e6)} MB, slowest ${String(slowest(uploads))} ms; ${String(writes.length)} writes, slowest ` +
        `${String(slowest(writes))} ms; manager of the leader at most ${String(memoryMiB(leader))} MiB; terms ${[...terms].join(' ')}\n`,
    );
    const after = await raftOf(leader);
    expect(tally.failures).toEqual([]);
    expect({ terms: [...terms], after, nodes: [...nodeStates] }).toMatchObject({
      terms: [term],
      after: { term, isLeader: true },
      nodes: ['ready'],
    });
    expect(tally.lists).toBeGreaterThan(0);
    expect(uploads.length).toBeGreaterThan(0);
  },
  (SECONDS + 400) * 1000,
);
