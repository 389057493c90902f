import type { Readable } from 'node:stream';
import type { ArchiveRoot } from './container-archive.ts';
import type { ContainerLifecycle } from './container-lifecycle.ts';
import { isAlive, type ContainerEntry } from './container-record.ts';
import type { EngineContext } from './engine-context.ts';
import { mountRootfs, unmountRootfs } from './rootfs.ts';
import { openMountOfPath } from './stopped-mounts.ts';

interface Loan {
  readonly at: ArchiveRoot;
  readonly release: () => void;
}

/** Lends the files of containers, running or not, to whoever reads or writes them from outside. */
export class BorrowedFiles {
  readonly #context: EngineContext;
  readonly #lifecycle: ContainerLifecycle;
  readonly #borrowers = new Map<string, number>();

  constructor(context: EngineContext, lifecycle: ContainerLifecycle) {
    this.#context = context;
    this.#lifecycle = lifecycle;
  }

  /**
   * Works on a container's files as it sees them. A stopped container's root is mounted for the work; when a stream
   * comes out of it, until the stream has ended. A path in one of its volumes leads there.
   */
  async use<T>(
    wanted: { readonly entry: ContainerEntry; readonly path?: string },
    work: (at: ArchiveRoot) => Promise<T>,
    streamOf?: (result: T) => Readable,
  ): Promise<T> {
    const { at, release } = await this.#borrow(wanted.entry, wanted.path);
    let stream: Readable | undefined;
    try {
      const result = await work(at);
      stream = streamOf?.(result);
      stream?.once('close', release);
      return result;
    } finally {
      if (stream === undefined) {
        release();
      }
    }
  }

  /** Mounts the root of a stopped container; the last borrower's release unmounts it. */
  #borrow(entry: ContainerEntry, path: string | undefined): Promise<Loan> {
    const { id } = entry.record;
    return this.#lifecycle.exclusive(entry, async () => {
      const { name, state, idMap } = entry.record;
      const owners = { containerName: name, ...(idMap === undefined ? {} : { idMap }) };
      if (isAlive(state.status)) {
        return { at: { ...owners, root: `/proc/${String(state.pid)}/root` }, release: () => undefined };
      }
      const rootfs = mountRootfs(this.#context, entry.record);
      this.#borrowers.set(id, (this.#borrowers.get(id) ?? 0) + 1);
      const release = once(() => void this.#giveBack(entry));
      try {
        const opened =
          path === undefined
            ? undefined
            : await openMountOfPath(this.#context, entry.record, { path, rootfs });
        if (opened === undefined) {
          return { at: { ...owners, root: rootfs }, release };
        }
        const { root, destination: mountedAt, isReadOnly } = opened;
        return {
          at: { ...owners, root, mountedAt, isReadOnly },
          release: once(() => void opened.release().finally(release)),
        };
      } catch (error: unknown) {
        release();
        throw error;
      }
    });
  }

  #giveBack(entry: ContainerEntry): Promise<void> {
    const { id } = entry.record;
    return this.#lifecycle.exclusive(entry, () => {
      const left = (this.#borrowers.get(id) ?? 1) - 1;
      if (left > 0) {
        this.#borrowers.set(id, left);
      } else {
        this.#borrowers.delete(id);
        if (!isAlive(entry.record.state.status)) {
          unmountRootfs(this.#context.paths, id);
        }
      }
      return Promise.resolve();
    });
  }
}

function once(action: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) {
      isDone = true;
      action();
    }
  };
}
