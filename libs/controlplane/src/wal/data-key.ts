import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { SwarmError, errorMessage } from '@skep/kernel';

import { writeFileDurably } from './durable-file.ts';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FILE_NAME = 'data-key.json';
const WRAP_LABEL = Buffer.from('skep data key');

/** What sealing adds to the size of the plain bytes. */
export const SEAL_OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES;

const keyFileSchema = z.strictObject({
  version: z.literal(1),
  currentKeyId: z.int().min(1),
  keys: z
    .array(z.strictObject({ keyId: z.int().min(1), isWrapped: z.boolean(), key: z.base64() }))
    .min(1)
    .max(16),
});

/**
 * The keys that log and snapshots are sealed with (AES-256-GCM, NIST SP 800-38D, random 96-bit nonces). They live in
 * one file, wrapped by a key-encryption key when there is one. Several may be known while old files are still sealed
 * with an older key.
 */
export class DataKeys {
  #keys: ReadonlyMap<number, Buffer>;
  #currentKeyId: number;
  #wrappingKey: Uint8Array | undefined;

  private constructor(keys: ReadonlyMap<number, Buffer>, currentKeyId: number, wrappingKey?: Uint8Array) {
    this.#keys = keys;
    this.#currentKeyId = currentKeyId;
    this.#wrappingKey = wrappingKey;
  }

  get currentKeyId(): number {
    return this.#currentKeyId;
  }

  /** Whether an older key is still known, because something may be sealed with it. */
  get hasOldKeys(): boolean {
    return this.#keys.size > 1;
  }

  /**
   * Reads the keys of `dataDir`, or makes the first one.
   * @throws SwarmError `failed_precondition` when the keys are wrapped and `wrappingKey` is missing or wrong,
   * `data_loss` when the file is damaged.
   */
  static openOrCreate(dataDir: string, wrappingKey: Uint8Array | undefined): DataKeys {
    const text = readTextIfPresent(join(dataDir, FILE_NAME));
    if (text === undefined) {
      const keys = new DataKeys(new Map([[1, randomBytes(KEY_BYTES)]]), 1);
      keys.save(dataDir, wrappingKey);
      return keys;
    }
    const file = parseKeyFile(text, dataDir);
    const opened = new Map<number, Buffer>();
    for (const item of file.keys) {
      const bytes = Buffer.from(item.key, 'base64');
      opened.set(item.keyId, item.isWrapped ? unwrap(bytes, wrappingKey) : bytes);
    }
    if (!opened.has(file.currentKeyId)) {
      throw new SwarmError('data_loss', `${FILE_NAME} in ${dataDir} does not hold its current key`);
    }
    return new DataKeys(opened, file.currentKeyId, wrappingKey);
  }

  /** Writes the keys durably, wrapped when a key is given. */
  save(dataDir: string, wrappingKey: Uint8Array | undefined): void {
    const keys = [...this.#keys].map(([keyId, key]) => ({
      keyId,
      isWrapped: wrappingKey !== undefined,
      key: (wrappingKey === undefined ? key : sealWith(wrappingKey, key, WRAP_LABEL)).toString('base64'),
    }));
    const file = { version: 1, currentKeyId: this.currentKeyId, keys };
    writeFileDurably(join(dataDir, FILE_NAME), [Buffer.from(`${JSON.stringify(file, null, 2)}\n`)]);
    this.#wrappingKey = wrappingKey;
  }

  /** Makes a new key for all that is sealed from now on; it is durable before it is used. */
  rotate(dataDir: string): void {
    const before = { keys: this.#keys, currentKeyId: this.#currentKeyId };
    const keyId = Math.max(...this.#keys.keys()) + 1;
    this.#keys = new Map([...this.#keys, [keyId, randomBytes(KEY_BYTES)]]);
    this.#currentKeyId = keyId;
    try {
      this.save(dataDir, this.#wrappingKey);
    } catch (error) {
      this.#keys = before.keys;
      this.#currentKeyId = before.currentKeyId;
      throw error;
    }
  }

  /** Forgets all keys but the current one; nothing may be sealed with them any more. */
  forgetOldKeys(dataDir: string): void {
    this.#keys = new Map([[this.#currentKeyId, this.#key(this.#currentKeyId)]]);
    this.save(dataDir, this.#wrappingKey);
  }

  /** Encrypts and authenticates `plain` together with `label`, which is needed again to open it. */
  seal(plain: Uint8Array, label: Uint8Array): Buffer {
    return sealWith(this.#key(this.currentKeyId), plain, label);
  }

  /** @throws SwarmError `data_loss` when bytes, label or key are not those of {@link seal}. */
  open(keyId: number, sealed: Uint8Array, label: Uint8Array): Buffer {
    try {
      return openWith(this.#key(keyId), sealed, label);
    } catch (error) {
      throw new SwarmError('data_loss', `sealed bytes cannot be opened: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }

  #key(keyId: number): Buffer {
    const key = this.#keys.get(keyId);
    if (key === undefined) {
      throw new SwarmError('data_loss', `${FILE_NAME} does not hold key ${String(keyId)}`);
    }
    return key;
  }
}

function readTextIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

function parseKeyFile(text: string, dataDir: string): z.infer<typeof keyFileSchema> {
  try {
    return keyFileSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new SwarmError(
      'data_loss',
      `${FILE_NAME} in ${dataDir} is damaged; put back a copy of it, or remove this manager and join it again`,
      { cause: error },
    );
  }
}

function unwrap(wrapped: Buffer, wrappingKey: Uint8Array | undefined): Buffer {
  if (wrappingKey === undefined) {
    throw new SwarmError(
      'failed_precondition',
      'this manager is locked: its data key is wrapped; give the unlock key',
      { details: { isLocked: true } },
    );
  }
  try {
    return openWith(wrappingKey, wrapped, WRAP_LABEL);
  } catch (error) {
    throw new SwarmError('failed_precondition', 'the unlock key is not the one of this cluster', {
      cause: error,
      details: { isLocked: true },
    });
  }
}

function sealWith(key: Uint8Array, plain: Uint8Array, label: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(label);
  const body = cipher.update(plain);
  return Buffer.concat([nonce, body, cipher.final(), cipher.getAuthTag()]);
}

function openWith(key: Uint8Array, sealed: Uint8Array, label: Uint8Array): Buffer {
  if (sealed.length < SEAL_OVERHEAD_BYTES) {
    throw new SwarmError('data_loss', 'sealed bytes are too short');
  }
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(label);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const body = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
  return Buffer.concat([body, decipher.final()]);
}
