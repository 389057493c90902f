import { SwarmError, isDeepEqual } from '@skep/kernel';
import {
  CONFIG_BYTES_MAX,
  SECRET_BYTES_MAX,
  type Config,
  type ConfigSpec,
  type Secret,
  type SecretSpec,
  type Service,
} from '@skep/model';
import { servicesThatNeed, type WriteTx } from '@skep/store';

import { assertVersion, invalidField, type ControlEnv } from './env.ts';
import { resolveConfig, resolveSecret } from './resolve.ts';

type PayloadKind = 'secret' | 'config';

const BYTES_MAX = { secret: SECRET_BYTES_MAX, config: CONFIG_BYTES_MAX } as const;

function assertData(kind: PayloadKind, data: Uint8Array): void {
  const limit = BYTES_MAX[kind];
  if (data.byteLength < 1 || data.byteLength >= limit) {
    throw invalidField('data', `${kind} data must be larger than 0 and less than ${String(limit)} bytes`);
  }
}

/** @throws SwarmError `invalid_argument` for the size, `name_conflict` "secret x already exists". */
export function createSecret(
  tx: WriteTx,
  input: { readonly spec: SecretSpec; readonly data: Uint8Array },
  env: ControlEnv,
): Secret {
  assertData('secret', input.data);
  return tx.create('secret', { id: env.newId(), spec: input.spec, data: new Uint8Array(input.data) });
}

/** @throws SwarmError `invalid_argument` for the size, `name_conflict` "config x already exists". */
export function createConfig(
  tx: WriteTx,
  input: { readonly spec: ConfigSpec; readonly data: Uint8Array },
  env: ControlEnv,
): Config {
  assertData('config', input.data);
  return tx.create('config', { id: env.newId(), spec: input.spec, data: new Uint8Array(input.data) });
}

export interface UpdatePayloadInput {
  /** Id or name. */
  readonly ref: string;
  readonly spec: SecretSpec;
  /** When given it must be the data that is stored. */
  readonly data?: Uint8Array;
  readonly version?: number;
}

/** Changes the labels of a secret. @throws SwarmError `invalid_argument` "only updates to Labels are allowed". */
export function updateSecret(tx: WriteTx, input: UpdatePayloadInput): Secret {
  const secret = resolveSecret(tx, input.ref);
  assertLabelsOnly(secret, input);
  return tx.update('secret', { ...secret, spec: input.spec });
}

/** Changes the labels of a config. @throws SwarmError `invalid_argument` "only updates to Labels are allowed". */
export function updateConfig(tx: WriteTx, input: UpdatePayloadInput): Config {
  const config = resolveConfig(tx, input.ref);
  assertLabelsOnly(config, input);
  return tx.update('config', { ...config, spec: input.spec });
}

function assertLabelsOnly(stored: Secret | Config, input: UpdatePayloadInput): void {
  assertVersion(stored, input.version);
  const isSameData = input.data === undefined || isDeepEqual(input.data, stored.data);
  if (input.spec.name !== stored.spec.name || !isSameData) {
    throw new SwarmError('invalid_argument', 'only updates to Labels are allowed');
  }
}

/** @throws SwarmError `invalid_argument` "secret 'x' is in use by the following service: web". */
export function removeSecret(tx: WriteTx, ref: string): Secret {
  const secret = resolveSecret(tx, ref);
  assertUnused('secret', secret.spec.name, servicesThatNeed(tx, 'secret', secret.id));
  tx.remove('secret', secret.id, { version: secret.version });
  return secret;
}

/** @throws SwarmError `invalid_argument` "config 'x' is in use by the following service: web". */
export function removeConfig(tx: WriteTx, ref: string): Config {
  const config = resolveConfig(tx, ref);
  assertUnused('config', config.spec.name, servicesThatNeed(tx, 'config', config.id));
  tx.remove('config', config.id, { version: config.version });
  return config;
}

function assertUnused(kind: PayloadKind, name: string, users: readonly Service[]): void {
  if (users.length === 0) {
    return;
  }
  const names = users.map((service) => service.spec.name).sort();
  throw new SwarmError(
    'invalid_argument',
    `${kind} '${name}' is in use by the following ${names.length === 1 ? 'service' : 'services'}: ${names.join(', ')}`,
    { details: { services: names } },
  );
}
