import type { Logger } from 'pino';
import type { ArchivePool, ImageStore } from '@skep/oci';
import type { LocalVolumes } from '../volume/local-volumes.ts';
import type { ContainerStore } from './container-store.ts';
import type { EnginePaths } from './engine-paths.ts';
import type { EventBus } from './event-bus.ts';
import type { NetworkProvider } from './network-provider.ts';
import type { CgroupHost } from './runtime/cgroup-host.ts';
import type { OciRuntime } from './runtime/conmon.ts';
import type { ExitWatcher } from './runtime/exit-watcher.ts';
import type { SeccompCompiler } from './runtime/seccomp-compiler.ts';
import type { StateDb } from './state-db.ts';
import type { UserNamespaces } from './user-namespaces.ts';

/** What the parts of the engine share. Made once when the engine opens. */
export interface EngineContext {
  readonly log: Logger;
  readonly paths: EnginePaths;
  readonly db: StateDb;
  readonly events: EventBus;
  readonly images: ImageStore;
  readonly pool: ArchivePool;
  readonly containers: ContainerStore;
  readonly volumes: LocalVolumes;
  readonly exits: ExitWatcher;
  /** Null: only the modes `none`, `host` and `container:` work. */
  readonly networks: NetworkProvider | null;
  readonly userNamespaces: UserNamespaces;
  readonly cgroups: CgroupHost;
  /** `/skep`: containers' cgroups are `<parent>/<id>`. */
  readonly cgroupParent: string;
  readonly conmonPath: string;
  readonly runtimes: ReadonlyMap<string, OciRuntime>;
  readonly defaultRuntime: string;
  readonly availableCapabilities: readonly string[];
  /** Go's name. */
  readonly architecture: string;
  readonly seccompIsAvailable: boolean;
  readonly seccomp: SeccompCompiler;
}
