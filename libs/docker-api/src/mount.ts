import { SwarmError } from '@skep/kernel';
import type { Mount } from '@skep/model';
import { z } from 'zod';

import { compact, orOmit } from './body.ts';

const StringMap = z.record(z.string(), z.string());

/** Docker's `Mount`, in service specs and in `HostConfig.Mounts`. */
export const DockerMount = z.object({
  Type: z.string().optional(),
  Source: z.string().optional(),
  Target: z.string().optional(),
  ReadOnly: z.boolean().optional(),
  Consistency: z.string().optional(),
  BindOptions: z
    .object({
      Propagation: z.string().optional(),
      NonRecursive: z.boolean().optional(),
      CreateMountpoint: z.boolean().optional(),
      ReadOnlyNonRecursive: z.boolean().optional(),
      ReadOnlyForceRecursive: z.boolean().optional(),
    })
    .optional(),
  VolumeOptions: z
    .object({
      NoCopy: z.boolean().optional(),
      Labels: StringMap.optional(),
      Subpath: z.string().optional(),
      DriverConfig: z.object({ Name: z.string().optional(), Options: StringMap.optional() }).optional(),
    })
    .optional(),
  TmpfsOptions: z
    .object({
      SizeBytes: z.number().optional(),
      Mode: z.number().optional(),
      Options: z.array(z.array(z.string())).optional(),
    })
    .optional(),
});
export type DockerMount = z.infer<typeof DockerMount>;

/**
 * A mount of a service.
 * @throws SwarmError `unimplemented` for mount types other than bind, volume and tmpfs.
 */
export function mountFromDocker(mount: DockerMount): Mount {
  const type = mount.Type === undefined || mount.Type === '' ? 'bind' : mount.Type;
  if (type !== 'bind' && type !== 'volume' && type !== 'tmpfs') {
    const isKnown = ['npipe', 'cluster', 'image'].includes(type);
    throw isKnown
      ? new SwarmError(
          'unimplemented',
          `mounts of type "${type}" are not supported; use bind, volume or tmpfs`,
        )
      : new SwarmError('invalid_argument', `invalid MountType: "${type}"`);
  }
  if (mount.TmpfsOptions?.Options !== undefined && mount.TmpfsOptions.Options.length > 0) {
    throw new SwarmError(
      'unimplemented',
      'tmpfs options other than size and mode are not supported in services',
    );
  }
  return compact<Mount>({
    type,
    source: orOmit(mount.Source),
    target: mount.Target ?? '',
    readOnly: orOmit(mount.ReadOnly),
    consistency: orOmit(mount.Consistency),
    bind: mount.BindOptions && {
      propagation: orOmit(mount.BindOptions.Propagation),
      nonRecursive: orOmit(mount.BindOptions.NonRecursive),
      createMountpoint: orOmit(mount.BindOptions.CreateMountpoint),
    },
    volume: mount.VolumeOptions && {
      noCopy: orOmit(mount.VolumeOptions.NoCopy),
      labels: orOmit(mount.VolumeOptions.Labels),
      subpath: orOmit(mount.VolumeOptions.Subpath),
      driver: mount.VolumeOptions.DriverConfig && {
        name: mount.VolumeOptions.DriverConfig.Name ?? '',
        options: orOmit(mount.VolumeOptions.DriverConfig.Options),
      },
    },
    tmpfs: mount.TmpfsOptions && {
      sizeBytes: orOmit(mount.TmpfsOptions.SizeBytes),
      mode: orOmit(mount.TmpfsOptions.Mode),
    },
  });
}

export function mountToDocker(mount: Mount): DockerMount {
  return compact<DockerMount>({
    Type: mount.type,
    Source: orOmit(mount.source),
    Target: mount.target,
    ReadOnly: orOmit(mount.readOnly),
    Consistency: orOmit(mount.consistency),
    BindOptions: mount.bind && {
      Propagation: mount.bind.propagation,
      NonRecursive: mount.bind.nonRecursive,
      CreateMountpoint: mount.bind.createMountpoint,
    },
    VolumeOptions: mount.volume && {
      NoCopy: mount.volume.noCopy,
      Labels: mount.volume.labels,
      Subpath: mount.volume.subpath,
      DriverConfig: mount.volume.driver && {
        Name: orOmit(mount.volume.driver.name),
        Options: mount.volume.driver.options,
      },
    },
    TmpfsOptions: mount.tmpfs && { SizeBytes: mount.tmpfs.sizeBytes, Mode: mount.tmpfs.mode },
  });
}
