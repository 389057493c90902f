import type { Transport } from '@skep/contract';
import { SwarmError, errorMessage } from '@skep/kernel';
import { Agent, request } from 'undici';

/** How long a manager may take for one answer; a write waits for a quorum. */
const ANSWER_TIMEOUT_MS = 30_000;

/** A connection to the manager of this host. */
export interface ManagerConnection {
  readonly transport: Transport;
  close(): Promise<void>;
}

/** HTTP over the manager's unix socket. Whoever may open the socket is a local administrator there. */
export function connectManager(socketPath: string): ManagerConnection {
  const agent = new Agent({
    connect: { socketPath },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
  });
  const transport: Transport = async ({ method, path, headers, body, signal }) => {
    try {
      const answer = await request(`http://manager${path}`, {
        method,
        headers: { ...headers },
        dispatcher: agent,
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      });
      return { status: answer.statusCode, body: await answer.body.text() };
    } catch (error) {
      throw noAnswer(error, signal);
    }
  };
  return { transport, close: () => agent.close() };
}

function noAnswer(error: unknown, signal: AbortSignal | undefined): SwarmError {
  if (signal?.aborted === true) {
    return new SwarmError('cancelled', 'the request was cancelled', { cause: error });
  }
  const code = (error as { readonly code?: string }).code ?? '';
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return new SwarmError('deadline_exceeded', 'the manager of this host did not answer in time', {
      cause: error,
    });
  }
  return new SwarmError('unavailable', `the manager of this host does not answer: ${errorMessage(error)}`, {
    cause: error,
  });
}
