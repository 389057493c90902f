import { SwarmError } from '@skep/kernel';

import type { MountPoint } from '../../engine/container-api.ts';
import type { ContainerConfig, MountConfig } from '../../engine/container-config.ts';
import type { EngineApi } from '../../engine/engine-api.ts';

/** Adds the mounts of other containers (`--volumes-from name[:ro]`); the container's own mounts win. */
export async function addVolumesFrom(
  engine: EngineApi,
  config: ContainerConfig,
  volumesFrom: readonly string[],
): Promise<ContainerConfig> {
  if (volumesFrom.length === 0) {
    return config;
  }
  const mounts = new Map<string, MountConfig>();
  for (const text of volumesFrom) {
    const [ref = '', mode = 'rw'] = text.split(':');
    if (mode !== 'rw' && mode !== 'ro') {
      throw new SwarmError('invalid_argument', `invalid mode for volumes-from: ${mode}`);
    }
    const source = await engine.containers.inspect(ref);
    for (const mount of source.mounts) {
      mounts.set(mount.destination, mountLike(mount, mode === 'ro'));
    }
  }
  for (const mount of config.mounts ?? []) {
    mounts.set(mount.target, mount);
  }
  return { ...config, mounts: [...mounts.values()] };
}

function mountLike(mount: MountPoint, isReadOnly: boolean): MountConfig {
  const base = { target: mount.destination, ...(isReadOnly || mount.isReadOnly ? { readOnly: true } : {}) };
  switch (mount.type) {
    case 'volume':
      return { type: 'volume', ...base, source: mount.name ?? mount.source };
    case 'bind':
      return { type: 'bind', ...base, source: mount.source };
    case 'tmpfs':
      return { type: 'tmpfs', ...base };
  }
}
