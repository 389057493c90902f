import type { IncomingMessage } from 'node:http';

import { z } from 'zod';

import { SwarmError, errorMessage } from '@skep/kernel';
import { NodeAvailability } from '@skep/model';

/** Largest body of a request to swarmd itself. */
const BODY_BYTES_MAX = 64 * 1024;

const Address = z.string().min(1).max(255);

export const InitRequest = z.strictObject({
  advertiseAddr: Address,
  listenAddr: Address.exactOptional(),
  dataPathAddr: Address.exactOptional(),
  dataPathPort: z.int().min(1).max(65_535).exactOptional(),
  availability: NodeAvailability.exactOptional(),
  addressPools: z.array(z.string()).max(16).exactOptional(),
  subnetPrefixLength: z.int().min(8).max(30).exactOptional(),
  forceNewCluster: z.boolean().exactOptional(),
});
export type InitRequest = z.infer<typeof InitRequest>;

export const JoinRequest = z.strictObject({
  /** host:port of managers. */
  remoteAddrs: z.array(Address).min(1, 'give the address of at least one manager').max(64),
  token: z.string().min(1, 'give the join token').max(200),
  advertiseAddr: Address.exactOptional(),
  listenAddr: Address.exactOptional(),
  dataPathAddr: Address.exactOptional(),
  availability: NodeAvailability.exactOptional(),
});
export type JoinRequest = z.infer<typeof JoinRequest>;

export const LeaveRequest = z.strictObject({ force: z.boolean().exactOptional() });
export const UnlockRequest = z.strictObject({ key: z.string().max(200).exactOptional() });

const RestoreQuery = InitRequest.pick({ advertiseAddr: true, listenAddr: true, dataPathAddr: true });

/**
 * What a restore is to be done with: addresses as the query, the passphrase (base64) as a header. The body is the backup.
 * @throws SwarmError `invalid_argument` naming what is missing.
 */
export function restoreRequest(request: IncomingMessage): {
  readonly options: z.infer<typeof RestoreQuery>;
  readonly passphrase: string;
} {
  const { searchParams } = new URL(request.url ?? '', 'http://localhost');
  const passphrase = request.headers['x-skep-passphrase'];
  if (typeof passphrase !== 'string') {
    throw new SwarmError(
      'invalid_argument',
      'give the passphrase of the backup in the header x-skep-passphrase',
    );
  }
  return {
    options: validated(RestoreQuery, Object.fromEntries(searchParams)),
    passphrase: Buffer.from(passphrase, 'base64').toString(),
  };
}

/**
 * Reads and validates a JSON body; an empty one counts as `{}`.
 * @throws SwarmError `invalid_argument` naming the field, `too_large`.
 */
export async function readBody<S extends z.ZodType>(
  request: IncomingMessage,
  schema: S,
): Promise<z.infer<S>> {
  return validated(schema, parseJson(await readText(request)));
}

function validated<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const result = schema.safeParse(value);
  if (!result.success) {
    const fields = result.error.issues.map((issue) => ({
      path: issue.path.join('.'),
      code: issue.code,
      message: issue.message,
    }));
    const [first] = fields;
    throw new SwarmError('invalid_argument', `${first?.path ?? ''}: ${first?.message ?? 'not understood'}`, {
      fields,
    });
  }
  return result.data;
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) {
      throw new SwarmError('too_large', `the body is longer than ${String(BODY_BYTES_MAX)} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseJson(text: string): unknown {
  try {
    return text.trim() === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw new SwarmError('invalid_argument', `the body is not valid JSON: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}
