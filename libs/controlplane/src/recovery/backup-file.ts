import { createCipheriv, createDecipheriv, createHash, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';

import { z } from 'zod';

import { SwarmError } from '@skep/kernel';

const scryptAsync = promisify<string, Buffer, number, object, Buffer>(scrypt);
const compress = promisify<Uint8Array, Buffer>(zstdCompress);
const decompress = promisify<Uint8Array, Buffer>(zstdDecompress);

const MAGIC = Buffer.from('SKEPBACKUP');
/** Version of the file's form; a newer one is refused. */
const VERSION = 1;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CHECKSUM_BYTES = 32;
const LENGTH_BYTES = 4;
const HEADER_BYTES_MAX = 64 * 1024;
/** 32 MiB and some 100 ms for one guess (RFC 7914). */
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };

const BACKUP_PASSPHRASE_LENGTH_MIN = 12;

/** What anyone may read of a backup without the passphrase. */
const backupHeader = z.strictObject({
  version: z.int(),
  clusterId: z.string(),
  logIndex: z.int().positive(),
  createdAtMs: z.int(),
  kdf: z.strictObject({ name: z.literal('scrypt'), N: z.int(), r: z.int(), p: z.int(), salt: z.base64() }),
  nonce: z.base64(),
});
export type BackupHeader = z.infer<typeof backupHeader>;

/** A backup that has been opened. */
export interface OpenedBackup {
  readonly header: BackupHeader;
  /** The store's state, as {@link Store.restore} takes it. */
  readonly data: Uint8Array;
}

/**
 * Seals a state into a file of its own: `SKEPBACKUP`, length and JSON header, the compressed state sealed with
 * AES-256-GCM under a key made of the passphrase (the header is authenticated with it), and a SHA-256 of everything
 * before, so that damage is told from a wrong passphrase.
 * @throws SwarmError `invalid_argument` for a passphrase that is too short.
 */
export async function sealBackup(
  data: Uint8Array,
  about: Pick<BackupHeader, 'clusterId' | 'logIndex' | 'createdAtMs'>,
  passphrase: string,
): Promise<Buffer> {
  if (passphrase.length < BACKUP_PASSPHRASE_LENGTH_MIN) {
    throw new SwarmError(
      'invalid_argument',
      `passphrase: it must have at least ${String(BACKUP_PASSPHRASE_LENGTH_MIN)} characters: the backup holds every secret of the cluster`,
    );
  }
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const header: BackupHeader = {
    version: VERSION,
    ...about,
    kdf: { name: 'scrypt', N: COST.N, r: COST.r, p: COST.p, salt: salt.toString('base64') },
    nonce: nonce.toString('base64'),
  };
  const head = Buffer.from(JSON.stringify(header));
  const key = await scryptAsync(passphrase, salt, KEY_BYTES, COST);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(head);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(head.length);
  const body = Buffer.concat([
    MAGIC,
    length,
    head,
    cipher.update(await compress(data)),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return Buffer.concat([body, sha256(body)]);
}

/**
 * Opens a backup.
 * @throws SwarmError `invalid_argument` when the file is no backup or the passphrase is wrong, `data_loss` when it is
 *   damaged, `unimplemented` when a newer version made it.
 */
export async function openBackup(file: Uint8Array, passphrase: string): Promise<OpenedBackup> {
  const { header, head, sealed } = takeApart(Buffer.from(file.buffer, file.byteOffset, file.byteLength));
  const { N, r, p, salt } = header.kdf;
  const cost = { N, r, p, maxmem: COST.maxmem };
  const key = await scryptAsync(passphrase, Buffer.from(salt, 'base64'), KEY_BYTES, cost);
  const nonce = Buffer.from(header.nonce, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(head);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  let packed: Buffer;
  try {
    packed = Buffer.concat([
      decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES)),
      decipher.final(),
    ]);
  } catch (error) {
    throw new SwarmError('invalid_argument', 'passphrase: it is not the one this backup was made with', {
      cause: error,
    });
  }
  return { header, data: new Uint8Array(await decompress(packed)) };
}

function takeApart(file: Buffer): {
  readonly header: BackupHeader;
  readonly head: Buffer;
  readonly sealed: Buffer;
} {
  const start = MAGIC.length + LENGTH_BYTES;
  if (!file.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new SwarmError(
      'invalid_argument',
      'file: this is no backup of a cluster; make one with: swarm backup',
    );
  }
  const body = file.subarray(0, file.length - CHECKSUM_BYTES);
  const headBytes = body.length < start ? HEADER_BYTES_MAX : body.readUInt32BE(MAGIC.length);
  const isWhole = headBytes < HEADER_BYTES_MAX && body.length >= start + headBytes + TAG_BYTES;
  if (!isWhole || !sha256(body).equals(file.subarray(body.length))) {
    throw new SwarmError(
      'data_loss',
      'file: the backup is damaged (its checksum does not fit); copy it again, or take another one',
    );
  }
  const head = body.subarray(start, start + headBytes);
  return { header: readHeader(head), head, sealed: body.subarray(start + headBytes) };
}

function readHeader(head: Buffer): BackupHeader {
  const value = JSON.parse(head.toString()) as { readonly version?: unknown };
  if (value.version !== VERSION) {
    throw new SwarmError(
      'unimplemented',
      `file: the backup has form ${String(value.version)}, this version knows ${String(VERSION)}; use the version that made it`,
    );
  }
  return backupHeader.parse(value);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
