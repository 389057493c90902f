import type { ExecServerFrame } from '@skep/contract';
import type { RawData, WebSocket } from 'ws';

import type { World } from './world.ts';

const PROMPT = '/ # ';

/** A shell that echoes, knows `size`, `flood`, and ends at `exit N`; what else is typed is not found. */
export function serveExec(socket: WebSocket, world: World, taskId: string): void {
  let line = '';
  let size = { cols: 0, rows: 0 };
  const tell = (frame: ExecServerFrame) => {
    socket.send(JSON.stringify(frame));
  };
  const print = (text: string) => {
    socket.send(Buffer.from(text.replaceAll('\n', '\r\n')), { binary: true });
  };
  const run = (command: string) => {
    const [program = '', argument = '0'] = command.trim().split(' ');
    if (program === 'exit') {
      tell({ t: 'exit', code: Number(argument) });
      socket.close(1000);
      return;
    }
    if (program === 'size') {
      print(`${String(size.cols)}x${String(size.rows)}\n`);
    } else if (program === 'flood') {
      print(`${'one line of many\n'.repeat(20_000)}done\n`);
    } else if (program !== '') {
      print(`sh: ${program}: not found\n`);
    }
    print(PROMPT);
  };
  socket.on('message', (data: RawData, isBinary: boolean) => {
    const text = (data as Buffer).toString();
    if (isBinary) {
      for (const letter of text) {
        print(letter === '\r' ? '\n' : letter);
        if (letter === '\r') {
          run(line);
          line = '';
        } else {
          line += letter;
        }
      }
      return;
    }
    const frame = JSON.parse(text) as { t: string; cmd?: string[]; cols?: number; rows?: number };
    size = { cols: frame.cols ?? size.cols, rows: frame.rows ?? size.rows };
    if (frame.t === 'start') {
      const task = world.rows('tasks').find(({ id }) => id === taskId);
      const node = world.rows('nodes').find(({ id }) => id === task?.nodeId);
      if (task === undefined || (frame.cmd ?? []).join(' ').includes('missing')) {
        tell({ t: 'err', code: 'failed_precondition', message: 'the image has no such program' });
        socket.close(1000);
        return;
      }
      tell({ t: 'started', taskId, node: node?.description?.hostname ?? '' });
      print(PROMPT);
    }
  });
}
