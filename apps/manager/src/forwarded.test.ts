import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { answerForwarded } from './forwarded.ts';

test('no connection is used twice: one that waits may be closed just as the next request is written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'skep-forwarded-'));
  const socketPath = join(folder, 'api.sock');
  const server = createServer((_request, response) => response.end('{}'));
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => void server.listen(socketPath, resolve));
  try {
    for (let i = 0; i < 2; i += 1) {
      const answer = await answerForwarded(socketPath, {
        method: 'POST',
        path: '/api/v1/configs',
        headers: {},
      });
      expect(answer.status).toBe(200);
    }
    expect(connections).toBe(2);
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});
