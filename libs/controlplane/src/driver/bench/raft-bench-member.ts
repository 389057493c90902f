import { createServer, type Server, type Socket } from 'node:net';

import { pino } from 'pino';

import { createRaftHandle } from '../raft-client.ts';
import type { RaftStartOptions } from '../raft-handle.ts';
import { ANSWER_BYTES, REQUEST_HEAD_BYTES, VALUE_BYTES, WRITE_BYTES } from './wire-load.ts';

/** One member of the benchmark's group, in a process of its own: a replicated table of values behind a plain port. */
const handle = createRaftHandle({ logger: pino({ level: 'warn' }, pino.destination(2)) });
const table = new Map<number, Uint8Array>();
let applied = 0;
let server: Server | undefined;
let waiting: { logIndex: number; run: () => void }[] = [];

handle.onCommitted(({ entries, snapshot }) => {
  for (const { data } of entries) {
    if (data.length > 4) {
      table.set(Buffer.from(data.buffer, data.byteOffset, 4).readUInt32LE(0), data);
    }
  }
  applied = entries.at(-1)?.logIndex ?? snapshot?.logIndex ?? 0;
  handle.applied(applied);
  if (waiting.length > 0) {
    const due = waiting.filter((item) => item.logIndex <= applied);
    waiting = waiting.filter((item) => item.logIndex > applied);
    due.forEach((item) => {
      item.run();
    });
  }
});
handle.snapshotNeeded(() => Promise.resolve(Buffer.concat([...table.values()])));

async function linearizableRead(key: number): Promise<Uint8Array | undefined> {
  const logIndex = await handle.readIndex();
  if (logIndex > applied) {
    await new Promise<void>((run) => waiting.push({ logIndex, run }));
  }
  return table.get(key);
}

/** Reads requests and writes answers; those of one turn of the event loop share one write. */
function serve(socket: Socket): void {
  let rest: Buffer = Buffer.alloc(0);
  let outgoing: Buffer[] = [];
  const answer = (number: number, isDone: boolean): void => {
    const frame = Buffer.alloc(ANSWER_BYTES);
    frame.writeUInt32LE(number, 0);
    frame.writeUInt8(isDone ? 1 : 0, 4);
    if (outgoing.length === 0) {
      setImmediate(() => {
        socket.write(Buffer.concat(outgoing));
        outgoing = [];
      });
    }
    outgoing.push(frame);
  };
  const carryOut = (number: number, work: Promise<unknown>): void => {
    work.then(
      () => {
        answer(number, true);
      },
      () => {
        answer(number, false);
      },
    );
  };
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const isWrite = rest[4] === 1;
      const sizeBytes = isWrite ? WRITE_BYTES : REQUEST_HEAD_BYTES;
      if (rest.length < sizeBytes) {
        break;
      }
      const number = rest.readUInt32LE(0);
      if (isWrite) {
        const data = new Uint8Array(rest.subarray(REQUEST_HEAD_BYTES - 4, REQUEST_HEAD_BYTES + VALUE_BYTES));
        carryOut(number, handle.propose(data, { timeoutMs: 20_000 }));
      } else {
        carryOut(number, linearizableRead(rest.readUInt32LE(5)));
      }
      rest = rest.subarray(sizeBytes);
    }
  });
  socket.on('error', () => {
    socket.destroy();
  });
}

type Order =
  | { readonly op: 'start'; readonly options: RaftStartOptions; readonly port: number }
  | { readonly op: 'status' }
  | { readonly op: 'stop' };

async function obey(order: Order): Promise<unknown> {
  switch (order.op) {
    case 'start':
      server = createServer(serve).listen(order.port, '127.0.0.1');
      return handle.start(order.options);
    case 'status':
      return handle.status();
    case 'stop':
      server?.close();
      return handle.stop();
  }
}

process.on('message', (order: Order) => {
  obey(order).then(
    (value) => process.send?.({ value }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
