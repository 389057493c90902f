import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { z } from 'zod';

import { SwarmError, errorMessage } from '@skep/kernel';
import { WireEndpoint, WireNetwork, WirePeer, WireService } from '@skep/wire';

const Auxiliary = z.record(z.string(), z.string()).optional();

const LocalNetworkRecord = z.strictObject({
  id: z.string(),
  name: z.string(),
  bridgeName: z.string(),
  groupIndex: z.int().nonnegative(),
  subnet: z.string(),
  gateway: z.string(),
  range: z.string().optional(),
  auxiliary: Auxiliary,
  ipv6: z
    .strictObject({
      subnet: z.string(),
      gateway: z.string(),
      range: z.string().optional(),
      auxiliary: Auxiliary,
    })
    .optional(),
  isInternal: z.boolean(),
  isMasqueraded: z.boolean(),
  isDefault: z.boolean(),
  mtu: z.int().optional(),
  createdAtMs: z.int(),
  labels: z.record(z.string(), z.string()),
  options: z.record(z.string(), z.string()),
  isAttachable: z.boolean(),
});

/** Networks of this host alone, with the ids of those that always exist. */
export const LocalNetworksFile = z.strictObject({
  v: z.literal(1),
  networks: z.array(LocalNetworkRecord),
  hostId: z.string(),
  noneId: z.string(),
  createdAtMs: z.int(),
});
export type LocalNetworksFile = z.infer<typeof LocalNetworksFile>;

/** What the managers last said, so that names and routes are served before they speak again. */
export const ClusterFile = z.strictObject({
  v: z.literal(1),
  nodeIndexes: z.record(z.string(), z.int().positive()),
  state: z
    .strictObject({
      self: z.strictObject({ nodeId: z.string(), dataPathAddr: z.string(), dataPathPort: z.int() }),
      networks: z.array(WireNetwork),
      peers: z.array(WirePeer),
      services: z.array(WireService),
      endpoints: z.array(WireEndpoint),
    })
    .optional(),
});
export type ClusterFile = z.infer<typeof ClusterFile>;

/** A small JSON file that is replaced as a whole, so that a crash leaves the old or the new one. */
export class StateFile<T> {
  readonly #path: string;
  readonly #schema: z.ZodType<T>;

  constructor(directory: string, name: string, schema: z.ZodType<T>) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#path = join(directory, name);
    this.#schema = schema;
  }

  /** @throws SwarmError `data_loss` when the file is there but cannot be understood. */
  read(): T | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
    try {
      return this.#schema.parse(JSON.parse(text));
    } catch (error) {
      throw new SwarmError(
        'data_loss',
        `${this.#path} is damaged (${errorMessage(error)}); move it away to begin without it`,
        { cause: error },
      );
    }
  }

  write(value: T, options: { readonly isDurable: boolean }): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.new`;
    const fd = openSync(temporary, 'w', 0o600);
    try {
      writeSync(fd, JSON.stringify(value));
      if (options.isDurable) {
        fsyncSync(fd);
      }
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, this.#path);
  }
}
