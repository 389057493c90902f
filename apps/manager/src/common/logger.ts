import type { LoggerService } from '@nestjs/common';
import { destination, pino, type Logger } from 'pino';

/** Fields that never reach the log, wherever they stand. */
const REDACTED = [
  'password',
  'token',
  'data',
  'secret',
  'cookie',
  'authorization',
  'keyPem',
  'source',
  'variables',
];

/** JSON lines on stderr. */
export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      base: { component: 'manager' },
      redact: {
        paths: REDACTED.flatMap((key) => [key, `*.${key}`, `*.*.${key}`, `*.*.*.${key}`]),
        censor: '[redacted]',
      },
    },
    destination(2),
  );
}

/** Nest's own messages as pino lines; its start-up chatter goes to debug. */
export class NestLogger implements LoggerService {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger.child({ component: 'nest' });
  }

  log(message: unknown): void {
    this.#logger.debug({ detail: message }, 'nest said');
  }

  warn(message: unknown): void {
    this.#logger.warn({ detail: message }, 'nest warned');
  }

  error(message: unknown, stack?: unknown): void {
    this.#logger.error({ detail: message, stack }, 'nest failed');
  }
}
