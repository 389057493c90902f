import type { ExecSocket, ExecSocketHandlers } from './exec-session.ts';

/** The exec socket of a task at the manager that served this page. */
export function connectExec(taskId: string, handlers: ExecSocketHandlers): ExecSocket {
  const url = new URL(`/api/v1/tasks/${encodeURIComponent(taskId)}/exec`, window.location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('open', handlers.onOpen);
  socket.addEventListener('close', handlers.onClose);
  socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data === 'string') {
      handlers.onText(data);
    } else {
      handlers.onBytes(new Uint8Array(data));
    }
  });
  return {
    send: (data) => {
      socket.send(data);
    },
    close: () => {
      socket.close();
    },
  };
}
