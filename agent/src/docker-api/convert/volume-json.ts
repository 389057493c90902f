import { formatTimeMs, type DockerVolume } from '@skep/docker-api';

import type { VolumeDetails } from '../../volume/volume-api.ts';

/** Docker marks anonymous volumes by this label. */
const ANONYMOUS_LABEL = 'com.docker.volume.anonymous';

/** Labels as Docker's clients see and filter them. */
export function volumeLabels({ isAnonymous, labels }: VolumeDetails): Readonly<Record<string, string>> {
  return isAnonymous ? { [ANONYMOUS_LABEL]: '', ...labels } : labels;
}

/** `sizeBytes` is given for `docker system df` only. */
export function volumeToDocker(volume: VolumeDetails, sizeBytes?: number): DockerVolume {
  const labels = volumeLabels(volume);
  return {
    CreatedAt: formatTimeMs(volume.createdAtMs),
    Driver: volume.driver,
    Labels: Object.keys(labels).length === 0 ? null : labels,
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: Object.keys(volume.options).length === 0 ? null : volume.options,
    Scope: 'local',
    ...(sizeBytes === undefined ? {} : { UsageData: { Size: sizeBytes, RefCount: volume.usedBy.length } }),
  };
}
