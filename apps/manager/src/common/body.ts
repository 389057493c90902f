import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';

import { SwarmError, errorMessage } from '@skep/kernel';

/** Largest request body. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024;

const parseJson: RequestHandler = express.json({
  limit: BODY_BYTES_MAX,
  strict: false,
  // curl sends JSON as a form unless told otherwise; cookies are guarded by a header of their own (auth.guard.ts).
  type: () => true,
});

interface BodyParserError {
  readonly type: string;
  readonly message: string;
}

function isBodyParserError(error: unknown): error is BodyParserError {
  return typeof error === 'object' && error !== null && 'type' in error && typeof error.type === 'string';
}

/** Parses JSON bodies up to 4 MiB. Errors say what is wrong and where. */
export const jsonBody: RequestHandler = (request: Request, response: Response, next: NextFunction) => {
  parseJson(request, response, (error?: unknown) => {
    next(error === undefined ? undefined : toSwarmError(error));
  });
};

function toSwarmError(error: unknown): SwarmError {
  const type = isBodyParserError(error) ? error.type : '';
  switch (type) {
    case 'entity.too.large':
      return new SwarmError(
        'too_large',
        `the body is larger than ${String(BODY_BYTES_MAX / 1024 / 1024)} MiB`,
      );
    case 'entity.parse.failed':
      return new SwarmError('invalid_argument', `the body is not valid JSON: ${jsonMessage(error)}`);
    case 'encoding.unsupported':
    case 'charset.unsupported':
      return new SwarmError('invalid_argument', errorMessage(error));
    case 'request.aborted':
      return new SwarmError('cancelled', 'the client went away before its body was complete');
    default:
      return new SwarmError('invalid_argument', `the body cannot be read: ${errorMessage(error)}`);
  }
}

/** V8 says `... in JSON at position 7 (line 1 column 8)`; it quotes the text, which may hold a secret: only the place is kept. */
function jsonMessage(error: unknown): string {
  const message = errorMessage(error);
  const place = /at position (\d+)(?: \(line (\d+) column (\d+)\))?/.exec(message);
  if (place === null) {
    return 'it ends too early';
  }
  return place[2] === undefined
    ? `at position ${place[1] ?? ''}`
    : `line ${place[2]}, column ${place[3] ?? ''} (position ${place[1] ?? ''})`;
}
