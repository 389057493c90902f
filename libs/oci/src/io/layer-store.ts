import { createHash } from 'node:crypto';
import { renameSync, rmSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError } from '@skep/kernel';
import { z } from 'zod';
import { isDigest, type Digest } from '../core/digest.ts';
import type { ArchivePool } from './archive-pool.ts';
import { syncDirectory, writeFileAtomically } from './atomic-file.ts';

const LAYER_ID_DIGITS = 12;

const recordSchema = z.object({
  id: z.string().regex(/^[0-9a-f]{12,64}$/),
  chainId: z.string().refine((text) => isDigest(text)),
  diffId: z.string().refine((text) => isDigest(text)),
  parent: z.string().nullable(),
  sizeBytes: z.int().nonnegative(),
});

/** A layer unpacked into a directory of its own. */
export interface UnpackedLayer {
  /** Name of the directory; short, because a mount's option string has room for 4 KiB only. */
  readonly id: string;
  /** Digest of the layer together with all below it (OCI image spec, ChainID). */
  readonly chainId: Digest;
  readonly diffId: Digest;
  /** Chain of the layer below, null for the lowest. */
  readonly parent: Digest | null;
  readonly sizeBytes: number;
}

/** The chain id of each layer, lowest first (OCI image spec, config: Layer ChainID). */
export function chainIds(diffIds: readonly Digest[]): readonly Digest[] {
  const chains: Digest[] = [];
  for (const diffId of diffIds) {
    const parent = chains.at(-1);
    const chain =
      parent === undefined
        ? diffId
        : `sha256:${createHash('sha256').update(`${parent} ${diffId}`).digest('hex')}`;
    chains.push(chain);
  }
  return chains;
}

/** What `LayerStore.prepare` is told about one layer's archive. */
export interface LayerArchive {
  readonly archivePath: string;
  readonly diffId: Digest;
  readonly onProgress?: (archiveBytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Layers unpacked once each, keyed by chain id. A layer is unpacked aside, brought to the disk, renamed into place and
 * only then recorded; a directory without a record is a leftover.
 */
export class LayerStore {
  readonly #root: string;
  readonly #pool: ArchivePool;
  readonly #layers: Map<Digest, UnpackedLayer>;
  readonly #unpacking = new Map<string, Promise<void>>();
  #temporaryCount = 0;

  private constructor(root: string, pool: ArchivePool, layers: Map<Digest, UnpackedLayer>) {
    this.#root = root;
    this.#pool = pool;
    this.#layers = layers;
  }

  /** Opens the store in directory `root` and removes what broken unpackings left. */
  static async open(root: string, pool: ArchivePool): Promise<LayerStore> {
    for (const directory of ['l', 'records', 'incoming']) {
      await mkdir(join(root, directory), { recursive: true, mode: 0o700 });
    }
    const layers = new Map<Digest, UnpackedLayer>();
    for (const name of await readdir(join(root, 'records'))) {
      const record = await readRecord(join(root, 'records', name));
      if (record !== undefined) {
        layers.set(record.chainId, record);
      }
    }
    const store = new LayerStore(root, pool, layers);
    await store.#removeLeftovers();
    return store;
  }

  /** The directory of an unpacked layer. */
  directory(layer: UnpackedLayer): string {
    return join(this.#root, 'l', layer.id);
  }

  get(chainId: Digest): UnpackedLayer | undefined {
    return this.#layers.get(chainId);
  }

  list(): readonly UnpackedLayer[] {
    return [...this.#layers.values()];
  }

  /** The layers of an image, lowest first, or undefined when one of them is not unpacked. */
  chain(diffIds: readonly Digest[]): readonly UnpackedLayer[] | undefined {
    const layers = chainIds(diffIds).map((chainId) => this.#layers.get(chainId));
    return layers.every((layer) => layer !== undefined) ? layers : undefined;
  }

  /**
   * Unpacks the archives of an image's layers, lowest first, that are not there yet. They are unpacked side by side as
   * their archives arrive (`archives[i]` may still be on its way) and put into place in order. After a failure it waits
   * until the others have been given up too (`onFailure` is the moment to stop them), so that nothing is left half done.
   */
  async unpackAll(
    diffIds: readonly Digest[],
    archives: readonly (() => Promise<LayerArchive>)[],
    onReady: (index: number) => void = () => undefined,
    onFailure: (error: unknown) => void = () => undefined,
  ): Promise<readonly UnpackedLayer[]> {
    const chains = chainIds(diffIds);
    let previous: Promise<UnpackedLayer | null> = Promise.resolve(null);
    const results = chains.map((chainId, index) => {
      const below = previous;
      const diffId = diffIds[index] ?? '';
      const result = (async (): Promise<UnpackedLayer> => {
        const known = this.#layers.get(chainId);
        if (known !== undefined) {
          return known;
        }
        const archive = await (archives[index] ?? missingArchive)();
        return this.#unpackOne({ chainId, diffId, archive, below });
      })().then((layer) => {
        onReady(index);
        return layer;
      });
      // Each failure is reported by the whole; a later layer's must not be an unhandled one.
      result.catch(() => undefined);
      previous = result;
      return result;
    });
    try {
      return await Promise.all(results);
    } catch (error: unknown) {
      onFailure(error);
      await Promise.allSettled(results);
      throw error;
    }
  }

  /** Removes a layer. The caller has made sure that no image and no container needs it. */
  async remove(chainId: Digest): Promise<void> {
    const layer = this.#layers.get(chainId);
    if (layer === undefined) {
      return;
    }
    // In one step for everybody else: whoever wants the layer from now on unpacks it anew, under the same name.
    this.#layers.delete(chainId);
    this.#temporaryCount += 1;
    const aside = join(
      this.#root,
      'incoming',
      `removed-${String(process.pid)}-${String(this.#temporaryCount)}`,
    );
    rmSync(this.#recordPath(chainId), { force: true });
    renameSync(this.directory(layer), aside);
    await rm(aside, { recursive: true, force: true });
  }

  async #unpackOne(work: {
    readonly chainId: Digest;
    readonly diffId: Digest;
    readonly archive: LayerArchive;
    readonly below: Promise<UnpackedLayer | null>;
  }): Promise<UnpackedLayer> {
    const { chainId } = work;
    const running = this.#unpacking.get(chainId);
    if (running === undefined) {
      const promise = this.#unpackNew(work).finally(() => this.#unpacking.delete(chainId));
      this.#unpacking.set(chainId, promise);
      await promise;
    } else {
      await running;
    }
    const layer = this.#layers.get(chainId);
    if (layer === undefined) {
      throw new SwarmError('internal', `layer ${chainId} vanished while it was unpacked`);
    }
    return layer;
  }

  async #unpackNew(work: {
    readonly chainId: Digest;
    readonly diffId: Digest;
    readonly archive: LayerArchive;
    readonly below: Promise<UnpackedLayer | null>;
  }): Promise<void> {
    const { chainId, diffId, archive, below } = work;
    this.#temporaryCount += 1;
    const incoming = join(this.#root, 'incoming', `${String(process.pid)}-${String(this.#temporaryCount)}`);
    await mkdir(incoming, { mode: 0o755 });
    try {
      const unpacked = await this.#pool.unpack(
        { kind: 'unpack', root: incoming, directory: '', archivePath: archive.archivePath, asLayer: true },
        {
          ...(archive.onProgress === undefined ? {} : { onProgress: archive.onProgress }),
          signal: archive.signal,
        },
      );
      if (unpacked.diffId !== diffId) {
        throw new SwarmError('data_loss', `layer ${diffId} unpacks to other content (${unpacked.diffId})`, {
          temporary: false,
        });
      }
      const parent = await below;
      await this.#inheritDirectories(incoming, unpacked.impliedDirectories, parent);
      await this.#commit(incoming, {
        id: this.#newLayerId(chainId),
        chainId,
        diffId,
        parent: parent?.chainId ?? null,
        sizeBytes: unpacked.sizeBytes,
      });
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
  }

  /**
   * A directory that the archive did not mention must look as it does in the layers below, because in an overlay the
   * uppermost directory's owner and mode are the ones that are seen.
   */
  async #inheritDirectories(
    root: string,
    implied: readonly string[],
    parent: UnpackedLayer | null,
  ): Promise<void> {
    let missing = implied;
    for (let layer = parent; layer !== null && missing.length > 0; layer = this.#parentOf(layer)) {
      const stats = await this.#pool.stat({ kind: 'stat', root: this.directory(layer), paths: missing });
      const directories = missing.flatMap((path, index) => {
        const stat = stats[index];
        return stat !== null && stat !== undefined && (stat.mode & 0o170000) === 0o040000
          ? [{ path, mode: stat.mode, uid: stat.uid, gid: stat.gid, modifiedAtMs: stat.modifiedAtMs }]
          : [];
      });
      if (directories.length > 0) {
        await this.#pool.adjust({ kind: 'adjust', root, directories });
      }
      const found = new Set(directories.map((entry) => entry.path));
      missing = missing.filter((path) => !found.has(path));
    }
  }

  #parentOf(layer: UnpackedLayer): UnpackedLayer | null {
    return layer.parent === null ? null : (this.#layers.get(layer.parent) ?? null);
  }

  async #commit(incoming: string, layer: UnpackedLayer): Promise<void> {
    const target = this.directory(layer);
    await rm(target, { recursive: true, force: true });
    await rename(incoming, target);
    await syncDirectory(join(this.#root, 'l'));
    await writeFileAtomically(this.#recordPath(layer.chainId), JSON.stringify(layer));
    this.#layers.set(layer.chainId, layer);
  }

  #newLayerId(chainId: Digest): string {
    const hex = chainId.slice(chainId.indexOf(':') + 1);
    const taken = new Set([...this.#layers.values()].map((layer) => layer.id));
    const short = hex.slice(0, LAYER_ID_DIGITS);
    return taken.has(short) ? hex : short;
  }

  #recordPath(chainId: Digest): string {
    return join(this.#root, 'records', `${chainId.slice(chainId.indexOf(':') + 1)}.json`);
  }

  async #removeLeftovers(): Promise<void> {
    const known = new Set([...this.#layers.values()].map((layer) => layer.id));
    for (const name of await readdir(join(this.#root, 'l'))) {
      if (!known.has(name)) {
        await rm(join(this.#root, 'l', name), { recursive: true, force: true });
      }
    }
    const present = new Set(await readdir(join(this.#root, 'l')));
    for (const layer of [...this.#layers.values()].filter((each) => !present.has(each.id))) {
      this.#layers.delete(layer.chainId);
      await rm(this.#recordPath(layer.chainId), { force: true });
    }
    for (const name of await readdir(join(this.#root, 'incoming'))) {
      await rm(join(this.#root, 'incoming', name), { recursive: true, force: true });
    }
  }
}

function missingArchive(): Promise<LayerArchive> {
  return Promise.reject(
    new SwarmError('invalid_argument', 'the image has fewer layers than its configuration says'),
  );
}

async function readRecord(path: string): Promise<UnpackedLayer | undefined> {
  if (!path.endsWith('.json')) {
    await rm(path, { force: true });
    return undefined;
  }
  try {
    return recordSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error: unknown) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      await rm(path, { force: true });
      return undefined;
    }
    throw error;
  }
}
