import type { LogsClientFrame, LogsServerFrame } from '@skep/contract';

import type { FromWorker, ToWorker } from './messages.ts';
import { LogView } from './view.ts';

/**
 * Owns the log socket and the lines, so that a flood never touches the page: the page gets counters and the rows in
 * view, at most 30 times a second.
 */
const REPORT_MS = 33;
const ACK_BYTES = 64 * 1024;
const RETRY_MS = 1_000;
const FLAG_LATE = 1;

const view = new LogView();
let open: Extract<ToWorker, { t: 'open' }> | undefined;
let socket: WebSocket | undefined;
let lastNs: string | undefined;
let window = { from: 0, to: 60 };
let isDirty = false;
let timer: ReturnType<typeof setTimeout> | undefined;
let unacked = 0;

function tell(message: FromWorker): void {
  postMessage(message);
}

function report(): void {
  timer = undefined;
  isDirty = false;
  tell({
    t: 'view',
    total: view.total,
    shown: view.shownCount,
    counts: view.counts,
    from: window.from,
    lines: view.slice(window.from, window.to),
  });
}

function changed(): void {
  isDirty = true;
  timer ??= setTimeout(report, REPORT_MS);
}

function send(frame: LogsClientFrame): void {
  if (socket?.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify(frame));
  }
}

function acknowledge(bytes: number): void {
  unacked += bytes;
  if (unacked >= ACK_BYTES) {
    send({ t: 'ack', bytes: unacked });
    unacked = 0;
  }
}

function receive(frame: LogsServerFrame, bytes: number): void {
  switch (frame.t) {
    case 'l':
      for (const [tsNs, task, stream, level, text, flags] of frame.b) {
        view.push({ tsNs, task, isErr: stream === 2, level, text, isLate: (flags & FLAG_LATE) !== 0 });
        lastNs = tsNs;
      }
      acknowledge(bytes);
      changed();
      break;
    case 'tasks':
      tell({ t: 'tasks', tasks: frame.add });
      break;
    case 'src':
      tell({
        t: 'source',
        note: {
          task: frame.taskIndex,
          state: frame.state,
          dropped: frame.dropped ?? 0,
          message: frame.message,
        },
      });
      break;
    case 'pos':
      lastNs = frame.tsNs;
      break;
    case 'end':
      tell({ t: 'socket', state: 'ended' });
      break;
    case 'error':
      tell({ t: 'refused', code: frame.code, message: frame.message });
      break;
  }
}

function connect(): void {
  if (open === undefined) {
    return;
  }
  const { url, select, tail } = open;
  const current = new WebSocket(url);
  socket = current;
  tell({ t: 'socket', state: 'connecting' });
  current.onopen = () => {
    tell({ t: 'socket', state: 'open' });
    const resume = lastNs === undefined ? { tail } : { sinceMs: Number(lastNs.slice(0, -6)) + 1 };
    send({ t: 'start', select, follow: true, ...resume });
  };
  current.onmessage = (event: MessageEvent<unknown>) => {
    if (typeof event.data === 'string') {
      receive(JSON.parse(event.data) as LogsServerFrame, event.data.length);
    }
  };
  current.onclose = () => {
    if (socket === current && open !== undefined) {
      tell({ t: 'socket', state: 'lost' });
      setTimeout(connect, RETRY_MS);
    }
  };
}

addEventListener('message', (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  switch (message.t) {
    case 'open':
      open = message;
      connect();
      break;
    case 'filter':
      tell({ t: 'filtered', id: message.id, error: view.setFilter(message.filter) });
      changed();
      break;
    case 'window':
      window = { from: message.from, to: message.to };
      if (!isDirty) {
        report();
      }
      break;
    case 'export':
      tell({ t: 'text', text: view.toText((task) => message.names[task] ?? '') });
      break;
    case 'clear':
      view.clear();
      changed();
      break;
    case 'close':
      open = undefined;
      socket?.close();
      clearTimeout(timer);
      break;
  }
});
