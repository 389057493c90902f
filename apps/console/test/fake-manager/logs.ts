import type { LogsLine, LogsServerFrame, LogsTask } from '@skep/contract';
import type { WebSocket } from 'ws';

import { Prng } from './prng.ts';
import type { World } from './world.ts';

const MESSAGES: readonly (readonly [level: LogsLine[3], text: string])[] = [
  ['I', 'GET /health 200 1ms'],
  ['I', 'GET /api/v1/basket 200 14ms'],
  ['I', '{"level":"info","msg":"order accepted","order":"A-20418","total":84.5,"ms":32}'],
  ['D', 'cache hit key=basket:4711 ttl=58s'],
  ['W', 'slow query: 812 ms select * from orders where customer = $1'],
  ['I', 'POST /api/v1/checkout 201 96ms'],
  ['E', 'dial tcp 10.0.3.7:5432: connect: connection refused'],
  ['I', '\u001b[32mready\u001b[0m listening on \u001b[1m:8080\u001b[0m'],
  [null, '    at Connection.connect (/app/node_modules/pg/lib/client.js:132:11)'],
];

interface Start {
  readonly t: string;
  readonly select?: { readonly services?: readonly string[]; readonly tasks?: readonly string[] };
  readonly tail?: number;
  readonly follow?: boolean;
}

/** One log socket: history, then a line every so often, or many when `linesPerSecond` says so. */
export function serveLogs(socket: WebSocket, world: World, linesPerSecond: () => number): void {
  const prng = new Prng(7);
  let timer: ReturnType<typeof setInterval> | undefined;
  const send = (frame: LogsServerFrame) => {
    if (socket.readyState === 1) {
      socket.send(JSON.stringify(frame));
    }
  };
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as Start;
    if (frame.t !== 'start') {
      return;
    }
    const nodes = new Map(world.rows('nodes').map((node) => [node.id, node.description?.hostname ?? '']));
    const tasks = world
      .rows('tasks')
      .filter(
        (task) =>
          (frame.select?.services ?? []).includes(task.serviceName) ||
          (frame.select?.services ?? []).includes(task.serviceId) ||
          (frame.select?.tasks ?? []).includes(task.id),
      )
      .filter((task) => task.status.state === 'running' || frame.select?.tasks !== undefined)
      .toSorted((a, b) => a.slot - b.slot);
    if (tasks.length === 0) {
      return;
    }
    send({
      t: 'tasks',
      add: tasks.map((task, index): LogsTask => [
        index,
        task.id,
        task.serviceName,
        task.slot,
        nodes.get(task.nodeId ?? '') ?? '',
        task.specVersion,
      ]),
    });
    const line = (atMs: number): LogsLine => {
      const [level, text] = prng.pick(MESSAGES);
      return [
        `${String(Math.floor(atMs))}000000`,
        prng.below(tasks.length),
        level === 'E' ? 2 : 1,
        level,
        text,
        0,
      ];
    };
    const tail = Math.min(frame.tail ?? 300, 400);
    const nowMs = Date.now();
    send({ t: 'l', b: Array.from({ length: tail }, (_, index) => line(nowMs - (tail - index) * 410)) });
    if (frame.follow === true) {
      timer = setInterval(() => {
        const count = Math.max(1, Math.round(linesPerSecond() / 10));
        if (linesPerSecond() >= 10 || prng.next() < linesPerSecond() / 10) {
          send({ t: 'l', b: Array.from({ length: count }, () => line(Date.now())) });
        }
      }, 100);
    } else {
      send({ t: 'end' });
    }
  });
  socket.on('close', () => {
    clearInterval(timer);
  });
}
