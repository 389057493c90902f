import { connect as connectTcp, type Socket } from 'node:net';

/** What one load run measured. */
export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

/** Sends one request and resolves with its answer; many may be under way. */
export type Ask = (kind: 'write' | 'read', key: number) => Promise<void>;

/** A server under load, reached over its own protocol. */
export interface LoadTarget {
  /** Opens `count` connections; the answer asks over one of them each, by the number of the client. */
  readonly open: (count: number) => Promise<{ readonly askers: readonly Ask[]; readonly close: () => void }>;
}

/** Clients share this many connections, as a program with one client library would. */
const CONNECTIONS_MAX = 16;
export const VALUE_BYTES = 256;
const KEYS = 1_000;

/** Closed loop: each client waits for the answer before it asks again. Half a second of warm-up is not counted. */
export async function runLoad(
  target: LoadTarget,
  run: { readonly kind: 'write' | 'read'; readonly clients: number; readonly seconds: number },
): Promise<LoadResult> {
  const { askers, close } = await target.open(Math.min(run.clients, CONNECTIONS_MAX));
  const latencies: number[] = [];
  let errors = 0;
  const startMs = performance.now() + 500;
  const endMs = startMs + run.seconds * 1000;
  const client = async (number: number): Promise<void> => {
    const ask = askers[number % askers.length] as Ask;
    for (let key = number; performance.now() < endMs; key += run.clients) {
      const sentMs = performance.now();
      try {
        await ask(run.kind, key % KEYS);
      } catch {
        errors += 1;
        continue;
      }
      const nowMs = performance.now();
      if (sentMs >= startMs && nowMs <= endMs) {
        latencies.push(nowMs - sentMs);
      }
    }
  };
  await Promise.all(Array.from({ length: run.clients }, (_, number) => client(number)));
  close();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  return { perSecond: latencies.length / run.seconds, p50Ms: at(0.5), p99Ms: at(0.99), errors };
}

/** The bench members' own protocol: u32 request number, u8 kind, u32 key; a write carries the value. */
export const REQUEST_HEAD_BYTES = 9;
export const WRITE_BYTES = REQUEST_HEAD_BYTES + VALUE_BYTES;
export const ANSWER_BYTES = 5;

/** Members of the benchmark's group, over plain TCP as etcd is. */
export function memberTarget(port: number): LoadTarget {
  return {
    open: async (count) => {
      const sockets = await Promise.all(Array.from({ length: count }, () => connected(port)));
      return {
        askers: sockets.map(memberAsker),
        close: () => {
          sockets.forEach((socket) => socket.destroy());
        },
      };
    },
  };
}

async function connected(port: number): Promise<Socket> {
  const socket = connectTcp({ host: '127.0.0.1', port, noDelay: true });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  return socket;
}

function memberAsker(socket: Socket): Ask {
  const waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  let last = 0;
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (; at + ANSWER_BYTES <= rest.length; at += ANSWER_BYTES) {
      const number = rest.readUInt32LE(at);
      const request = waiting.get(number);
      waiting.delete(number);
      if (rest[at + 4] === 1) {
        request?.resolve();
      } else {
        request?.reject(new Error('refused'));
      }
    }
    rest = rest.subarray(at);
  });
  let outgoing: Buffer[] = [];
  return (kind, key) =>
    new Promise<void>((resolve, reject) => {
      last += 1;
      const frame = Buffer.alloc(kind === 'write' ? WRITE_BYTES : REQUEST_HEAD_BYTES, 7);
      frame.writeUInt32LE(last, 0);
      frame.writeUInt8(kind === 'write' ? 1 : 2, 4);
      frame.writeUInt32LE(key, 5);
      waiting.set(last, { resolve, reject });
      if (outgoing.length === 0) {
        setImmediate(() => {
          socket.write(Buffer.concat(outgoing));
          outgoing = [];
        });
      }
      outgoing.push(frame);
    });
}
