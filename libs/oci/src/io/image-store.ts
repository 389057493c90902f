import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError } from '@skep/kernel';
import { z } from 'zod';
import { isDigest, type Digest } from '../core/digest.ts';
import { parseImageConfig, type ImageConfig } from '../core/image-config.ts';
import { parseManifest, type ImageManifest } from '../core/manifest.ts';
import { formatReference, parseReference, parseReferenceParts, repositoryName } from '../core/reference.ts';
import { ArchivePool } from './archive-pool.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { ContentStore, isErrno } from './content-store.ts';
import { LayerStore, chainIds, type UnpackedLayer } from './layer-store.ts';

const ID_PREFIX_PATTERN = /^(?:sha256:)?([0-9a-f]{1,64})$/;

const digestSchema = z.string().refine((text) => isDigest(text), 'not a digest');

const fileSchema = z.object({
  version: z.literal(1),
  images: z.record(z.string(), z.object({ manifestDigest: digestSchema, taggedAtMs: z.number() })),
  references: z.record(z.string(), z.object({ imageId: digestSchema, digest: digestSchema })),
});

/** An image in the local store. */
export interface StoredImage {
  /** Digest of the configuration: Docker's image id. */
  readonly id: Digest;
  readonly manifestDigest: Digest;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  readonly taggedAtMs: number;
}

interface ReferenceTarget {
  readonly imageId: Digest;
  /** Digest of what the registry holds under the name: a manifest or an index. */
  readonly digest: Digest;
}

/** The images of one host: which there are, what they are called, and their unpacked layers. */
export class ImageStore {
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly pool: ArchivePool;
  readonly #file: string;
  readonly #images = new Map<Digest, StoredImage>();
  readonly #references = new Map<string, ReferenceTarget>();
  /** Images and layers in work that must not be collected, with a count of who needs them. */
  readonly #pins = new Map<Digest, number>();
  #saving: Promise<void> = Promise.resolve();

  private constructor(parts: { content: ContentStore; layers: LayerStore; pool: ArchivePool; file: string }) {
    this.content = parts.content;
    this.layers = parts.layers;
    this.pool = parts.pool;
    this.#file = parts.file;
  }

  /** Opens or makes the store under directory `root`. */
  static async open(root: string, pool: ArchivePool = new ArchivePool()): Promise<ImageStore> {
    await mkdir(root, { recursive: true, mode: 0o700 });
    const content = await ContentStore.open(join(root, 'content'));
    const layers = await LayerStore.open(root, pool);
    const store = new ImageStore({ content, layers, pool, file: join(root, 'references.json') });
    await store.#load();
    return store;
  }

  /** Ends the worker threads. */
  async close(): Promise<void> {
    await this.#saving;
    await this.pool.close();
  }

  list(): readonly StoredImage[] {
    return [...this.#images.values()];
  }

  /** Full references (`docker.io/library/busybox:latest`, `...@sha256:...`) of an image. */
  referencesOf(imageId: Digest): readonly string[] {
    return [...this.#references].filter(([, target]) => target.imageId === imageId).map(([name]) => name);
  }

  /** What a full reference points at. */
  reference(name: string): ReferenceTarget | undefined {
    return this.#references.get(name);
  }

  /** Finds an image by reference, id or prefix of an id. `invalid_argument` when a prefix fits several. */
  find(ref: string): StoredImage | undefined {
    const byReference = this.#findByReference(ref);
    if (byReference !== undefined) {
      return byReference;
    }
    const prefix = ID_PREFIX_PATTERN.exec(ref)?.[1];
    if (prefix === undefined) {
      return undefined;
    }
    const found = [...this.#images.values()].filter((image) => image.id.startsWith(`sha256:${prefix}`));
    if (found.length > 1) {
      throw new SwarmError(
        'invalid_argument',
        `image id prefix ${prefix} fits ${String(found.length)} images`,
      );
    }
    return found[0];
  }

  /** Like {@link find}; `not_found` in Docker's words when there is none. */
  get(ref: string): StoredImage {
    const image = this.find(ref);
    if (image === undefined) {
      const parsed = parseReference(ref);
      throw new SwarmError(
        'not_found',
        `No such image: ${parsed.ok && !ref.includes(':') ? `${ref}:latest` : ref}`,
      );
    }
    return image;
  }

  /** Registers an image whose manifest, configuration and layers are in the store, and names it. */
  async add(image: {
    readonly manifestDigest: Digest;
    readonly references: readonly { readonly name: string; readonly digest: Digest }[];
  }): Promise<StoredImage> {
    const stored = await this.#read(image.manifestDigest, Date.now());
    this.#images.set(stored.id, stored);
    for (const { name, digest } of image.references) {
      this.#references.set(name, { imageId: stored.id, digest });
    }
    await this.#save();
    return stored;
  }

  /** Points a reference at an image. */
  async tag(imageId: Digest, name: string): Promise<void> {
    const image = this.#images.get(imageId);
    if (image === undefined) {
      throw new SwarmError('not_found', `No such image: ${imageId}`);
    }
    this.#references.set(name, { imageId, digest: image.manifestDigest });
    this.#images.set(imageId, { ...image, taggedAtMs: Date.now() });
    await this.#save();
  }

  /** Takes references away; the image itself stays. */
  async untag(names: readonly string[]): Promise<void> {
    for (const name of names) {
      this.#references.delete(name);
    }
    await this.#save();
  }

  /** Forgets an image with all its references and collects what nobody else needs. Answers removed layers' chain ids. */
  async remove(imageId: Digest): Promise<readonly Digest[]> {
    for (const name of this.referencesOf(imageId)) {
      this.#references.delete(name);
    }
    this.#images.delete(imageId);
    await this.#save();
    return this.collect();
  }

  /** The unpacked layers of an image, lowest first. `data_loss` when one is missing. */
  layersOf(image: StoredImage): readonly UnpackedLayer[] {
    const layers = this.layers.chain(image.config.diffIds);
    if (layers === undefined) {
      throw new SwarmError('data_loss', `image ${image.id} has lost a layer; pull it again`);
    }
    return layers;
  }

  /** Keeps blobs and layers of digests (or chain ids) from being collected until the answer is called. */
  pin(digests: readonly Digest[]): () => void {
    for (const digest of digests) {
      this.#pins.set(digest, (this.#pins.get(digest) ?? 0) + 1);
    }
    let isReleased = false;
    return () => {
      if (isReleased) {
        return;
      }
      isReleased = true;
      for (const digest of digests) {
        const count = (this.#pins.get(digest) ?? 1) - 1;
        if (count === 0) {
          this.#pins.delete(digest);
        } else {
          this.#pins.set(digest, count);
        }
      }
    };
  }

  /** Whether something is being made of an image. */
  isPinned(image: StoredImage): boolean {
    const top = chainIds(image.config.diffIds).at(-1);
    return this.#pins.has(image.id) || (top !== undefined && this.#pins.has(top));
  }

  /**
   * Removes blobs and layers that no image, reference or pin needs. Answers the chain ids of removed layers.
   * Need is looked at anew before each removal, which is one step: what is wanted meanwhile stays, or is fetched anew.
   */
  async collect(): Promise<readonly Digest[]> {
    const removed: Digest[] = [];
    const { blobs, chains } = this.#needed();
    for (const { chainId } of this.layers.list().filter((layer) => !chains.has(layer.chainId))) {
      if (!this.#needed().chains.has(chainId)) {
        removed.push(chainId);
        await this.layers.remove(chainId);
      }
    }
    const unneeded = (await this.content.list()).filter((digest) => !blobs.has(digest));
    for (const digest of unneeded) {
      if (!this.#needed().blobs.has(digest)) {
        await this.content.remove(digest);
      }
    }
    return removed;
  }

  #needed(): { readonly blobs: ReadonlySet<Digest>; readonly chains: ReadonlySet<Digest> } {
    const blobs = new Set<Digest>(this.#pins.keys());
    const chains = new Set<Digest>(this.#pins.keys());
    for (const image of this.#images.values()) {
      blobs.add(image.id).add(image.manifestDigest);
      for (const layer of image.manifest.layers) {
        blobs.add(layer.digest);
      }
      for (const chainId of chainIds(image.config.diffIds)) {
        chains.add(chainId);
      }
    }
    for (const target of this.#references.values()) {
      blobs.add(target.digest);
    }
    return { blobs, chains };
  }

  #findByReference(ref: string): StoredImage | undefined {
    const parsed = parseReference(ref);
    if (!parsed.ok) {
      return undefined;
    }
    const { digest } = parsed.value;
    const exact = this.#references.get(formatReference(parsed.value));
    if (exact !== undefined) {
      return this.#images.get(exact.imageId);
    }
    if (digest === undefined) {
      return undefined;
    }
    // name:tag@digest is found by the digest alone.
    const byDigest = this.#references.get(`${repositoryName(parsed.value)}@${digest}`);
    return byDigest === undefined ? undefined : this.#images.get(byDigest.imageId);
  }

  async #read(manifestDigest: Digest, taggedAtMs: number): Promise<StoredImage> {
    const manifest = parseManifest(await this.content.readDocument(manifestDigest));
    if (!manifest.ok) {
      throw manifest.error;
    }
    if (manifest.value.kind !== 'manifest') {
      throw new SwarmError('invalid_argument', `${manifestDigest} is an index, not an image`);
    }
    const id = manifest.value.config.digest;
    const config = parseImageConfig(await this.content.readDocument(id));
    if (!config.ok) {
      throw config.error;
    }
    return { id, manifestDigest, manifest: manifest.value, config: config.value, taggedAtMs };
  }

  async #load(): Promise<void> {
    let text: string;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error: unknown) {
      if (isErrno(error, 'ENOENT')) {
        return;
      }
      throw error;
    }
    const parsed = fileSchema.safeParse(JSON.parse(text));
    if (!parsed.success) {
      throw new SwarmError(
        'data_loss',
        `${this.#file} is damaged; move it away to start with an empty image list`,
      );
    }
    for (const [id, { manifestDigest, taggedAtMs }] of Object.entries(parsed.data.images)) {
      try {
        this.#images.set(id, await this.#read(manifestDigest, taggedAtMs));
      } catch (error: unknown) {
        if (!(error instanceof SwarmError)) {
          throw error;
        }
        // A damaged or missing document makes its image unusable: it is forgotten, and pulled again when wanted.
      }
    }
    for (const [name, target] of Object.entries(parsed.data.references)) {
      if (this.#images.has(target.imageId) && parseReferenceParts(name).ok) {
        this.#references.set(name, target);
      }
    }
  }

  /** One write at a time; a write that waits includes all changes made meanwhile. */
  #save(): Promise<void> {
    const next = this.#saving.then(() => {
      const images = [...this.#images.values()].map(
        ({ id, manifestDigest, taggedAtMs }) => [id, { manifestDigest, taggedAtMs }] as const,
      );
      const file = {
        version: 1,
        images: Object.fromEntries(images),
        references: Object.fromEntries(this.#references),
      };
      return writeFileAtomically(this.#file, JSON.stringify(file, null, 1));
    });
    this.#saving = next.catch(() => undefined);
    return next;
  }
}
