import { join } from 'node:path';

/** Where one host's engine keeps its things. Everything under `dataRoot` lasts; everything under `runRoot` is of one boot. */
export class EnginePaths {
  readonly dataRoot: string;
  readonly runRoot: string;

  constructor(dataRoot: string, runRoot: string) {
    this.dataRoot = join(dataRoot, 'engine');
    this.runRoot = join(runRoot, 'engine');
  }

  get images(): string {
    // Short on purpose: the paths of all layers of a container must fit into one page of mount options.
    return this.dataRoot;
  }

  get database(): string {
    return join(this.dataRoot, 'state.db');
  }

  get containers(): string {
    return join(this.dataRoot, 'containers');
  }

  /** The layer between image and changes of each container; its path is short as those of the layers are. */
  get initLayer(): string {
    return join(this.dataRoot, 'init');
  }

  get scratch(): string {
    return join(this.dataRoot, 'scratch');
  }

  /** The builder's storage and the files of builds under way. */
  get builds(): string {
    return join(this.dataRoot, 'builds');
  }

  get buildRuns(): string {
    return join(this.runRoot, 'builds');
  }

  get exits(): string {
    return join(this.runRoot, 'exits');
  }

  get bundles(): string {
    return join(this.runRoot, 'bundles');
  }

  get execs(): string {
    return join(this.runRoot, 'execs');
  }

  /** A ramfs with the content of secrets and configs. */
  get secrets(): string {
    return join(this.runRoot, 'files');
  }

  /** Where directories are mounted for a moment with other owners. */
  get mapped(): string {
    return join(this.runRoot, 'mapped');
  }

  runtimeState(runtime: string): string {
    return join(this.runRoot, runtime);
  }

  container(id: string): ContainerPaths {
    const root = join(this.containers, id);
    return {
      root,
      upper: join(root, 'upper'),
      work: join(root, 'work'),
      merged: join(root, 'merged'),
      log: join(root, 'container.log'),
      hosts: join(root, 'hosts'),
      hostname: join(root, 'hostname'),
      resolvConf: join(root, 'resolv.conf'),
      bundle: join(this.bundles, id),
      shm: join(this.bundles, id, 'shm'),
      files: join(this.secrets, id),
      userNamespace: join(this.bundles, id, 'user-namespace'),
      mapped: join(this.mapped, id),
    };
  }
}

export interface ContainerPaths {
  readonly root: string;
  readonly upper: string;
  readonly work: string;
  readonly merged: string;
  readonly log: string;
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
  readonly bundle: string;
  readonly shm: string;
  readonly files: string;
  /** Keeps the container's user namespace until its process is in it. */
  readonly userNamespace: string;
  /** The engine's files with the container's owners, while its root is being mounted. */
  readonly mapped: string;
}
