import { SwarmError } from '@skep/kernel';
import { z } from 'zod';

import { compact } from './body.ts';
import { metaToDocker, type DockerMeta } from './meta.ts';
import { DockerDriver } from './task-spec.ts';

/** Body of create and update of secrets and configs. `Data` is base 64. */
export const DockerPayloadSpec = z.object({
  Name: z.string().optional(),
  Labels: z.record(z.string(), z.string()).optional(),
  Data: z.string().optional(),
  Driver: DockerDriver.optional(),
  Templating: DockerDriver.optional(),
});
export type DockerPayloadSpec = z.infer<typeof DockerPayloadSpec>;

/** Answer of `GET /secrets/{id}` (never with data) and `GET /configs/{id}`. */
export interface DockerPayload extends DockerMeta {
  readonly ID: string;
  readonly Spec: DockerPayloadSpec;
}

/** A secret or config to be made: name, labels and bytes. */
export interface PayloadToCreate {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

const BASE_64 = /^(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2}(?:==)?|[A-Za-z0-9+/_-]{3}=?)?$/;

/**
 * Decodes base 64 in the standard or the URL alphabet, with or without padding.
 * @throws SwarmError `invalid_argument` that names `field`.
 */
export function decodeBase64(text: string, field: string): Uint8Array {
  if (!BASE_64.test(text)) {
    throw new SwarmError('invalid_argument', `${field} is not valid base 64`);
  }
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const digits = text.replaceAll('=', '').replaceAll('-', '+').replaceAll('_', '/');
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let bits = 0;
  let bitCount = 0;
  let offset = 0;
  for (const digit of digits) {
    bits = ((bits << 6) | alphabet.indexOf(digit)) & 0xff_ff;
    bitCount += 6;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes[offset] = (bits >> bitCount) & 0xff;
      offset += 1;
    }
  }
  return bytes;
}

/** Standard base 64 with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const digits = [18, 12, 6, 0].map((shift) => alphabet[(group >> shift) & 63] ?? '').join('');
    const missing = Math.max(0, i + 3 - bytes.length);
    parts.push(missing === 0 ? digits : digits.slice(0, 4 - missing) + '='.repeat(missing));
  }
  return parts.join('');
}

/**
 * A secret or config to be created.
 * @throws SwarmError when the data is no base 64, or a driver or template is asked for.
 */
export function payloadFromDocker(spec: DockerPayloadSpec, kind: 'secret' | 'config'): PayloadToCreate {
  if (spec.Driver?.Name) {
    throw new SwarmError('unimplemented', `${kind} drivers are not supported; give the data itself`);
  }
  if (spec.Templating?.Name) {
    throw new SwarmError('unimplemented', `${kind} templating is not supported; give the finished content`);
  }
  return compact<PayloadToCreate>({
    name: spec.Name ?? '',
    ...(spec.Labels === undefined ? {} : { labels: spec.Labels }),
    data: decodeBase64(spec.Data ?? '', 'Data'),
  });
}

/** What both kinds have in common; `data` is given for configs only. */
export interface PayloadObject {
  readonly id: string;
  readonly version: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly spec: { readonly name: string; readonly labels?: Readonly<Record<string, string>> | undefined };
  readonly data?: Uint8Array | undefined;
}

export function payloadToDocker(payload: PayloadObject): DockerPayload {
  return {
    ID: payload.id,
    ...metaToDocker(payload),
    Spec: {
      Name: payload.spec.name,
      Labels: payload.spec.labels ?? {},
      ...(payload.data === undefined ? {} : { Data: encodeBase64(payload.data) }),
    },
  };
}
