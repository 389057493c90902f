import { createServer } from 'node:net';

import { SwarmError } from '@skep/kernel';

export interface WantedPort {
  readonly port: number;
  readonly address: string;
  readonly purpose: string;
  /** What to do when it is taken. */
  readonly remedy: string;
}

/** @throws SwarmError `failed_precondition` naming the first port that something else listens on. */
export async function assertPortsFree(wanted: readonly WantedPort[]): Promise<void> {
  for (const { port, address, purpose, remedy } of wanted) {
    if (!(await isFree(port, address))) {
      throw new SwarmError(
        'failed_precondition',
        `Port ${String(port)} (${purpose}) is in use by another program; ${remedy}.`,
      );
    }
  }
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
