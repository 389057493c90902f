import { z } from 'zod';

const StringMap = z.record(z.string(), z.string());

/** Body of `POST /volumes/create`. */
export const DockerVolumeCreate = z.object({
  Name: z.string().optional(),
  Driver: z.string().optional(),
  DriverOpts: StringMap.optional(),
  Labels: StringMap.optional(),
  ClusterVolumeSpec: z.unknown().optional(),
});
export type DockerVolumeCreate = z.infer<typeof DockerVolumeCreate>;

/** A volume in answers. */
export interface DockerVolume {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  readonly CreatedAt: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Options: Readonly<Record<string, string>> | null;
  readonly Scope: 'local';
  readonly UsageData?: { readonly Size: number; readonly RefCount: number };
}
