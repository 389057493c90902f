import type { ObjectMeta } from '@skep/model';

import { formatTimeMs } from './timestamps.ts';

/** What every swarm object carries. `Version.Index` is the optimistic lock that updates send back. */
export interface DockerMeta {
  readonly Version: { readonly Index?: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
}

export function metaToDocker(meta: Pick<ObjectMeta, 'version' | 'createdAtMs' | 'updatedAtMs'>): DockerMeta {
  return {
    Version: { Index: meta.version },
    CreatedAt: formatTimeMs(meta.createdAtMs),
    UpdatedAt: formatTimeMs(meta.updatedAtMs),
  };
}
