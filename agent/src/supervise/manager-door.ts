import { request } from 'node:http';
import type { Readable } from 'node:stream';

import { fromProblem } from '@skep/contract';
import { SwarmError, errorMessage } from '@skep/kernel';

/**
 * Gives something to a manager that waits for it at its socket before it can start: the unlock key, or a backup.
 * @throws SwarmError what the manager says of it, `unavailable` when it does not answer.
 */
export async function giveToManager(
  socketPath: string,
  path: '/unlock' | '/restore',
  content: { readonly body: string | Readable; readonly headers?: Readonly<Record<string, string>> },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const outgoing = request(
      { socketPath, method: 'POST', path, headers: { ...content.headers } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => {
          const status = answer.statusCode ?? 500;
          if (status < 300) {
            resolve();
          } else {
            reject(fromProblem(status, parseJson(Buffer.concat(chunks).toString())));
          }
        });
      },
    );
    outgoing.on('error', (error) => {
      reject(
        new SwarmError('unavailable', `the manager of this host does not answer: ${errorMessage(error)}`, {
          cause: error,
        }),
      );
    });
    if (typeof content.body === 'string') {
      outgoing.end(content.body);
    } else {
      content.body.on('error', (error) => outgoing.destroy(error)).pipe(outgoing);
    }
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
