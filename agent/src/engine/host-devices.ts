import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SwarmError } from '@skep/kernel';
import type { BlockIoLimit, DeviceMapping } from './container-config.ts';
import type { GrantedDevice, ThrottledDisk } from './oci-resources.ts';

const DEVICES_MAX = 2000;
/** Terminals and shared memory are made anew in each container. */
const SKIPPED: ReadonlySet<string> = new Set([
  'pts',
  'shm',
  'fd',
  'mqueue',
  'console',
  '.lxc',
  '.udev',
  'ptmx',
  'tty',
]);

/** Looks up the devices that `--device` names; a directory means all devices below it. */
export function resolveDevices(mappings: readonly DeviceMapping[]): GrantedDevice[] {
  return mappings.flatMap((mapping) => {
    const target = mapping.pathInContainer ?? mapping.pathOnHost;
    const permissions = mapping.permissions ?? 'rwm';
    if (!/^[rwm]{1,3}$/.test(permissions)) {
      throw new SwarmError('invalid_argument', `invalid device mode: ${permissions.slice(0, 20)}`);
    }
    const found = collect(mapping.pathOnHost, target, permissions);
    if (found.length === 0) {
      throw new SwarmError(
        'invalid_argument',
        `error gathering device information while adding custom device "${mapping.pathOnHost}": no such file or directory`,
      );
    }
    return found;
  });
}

/** Looks up the disks that limits of input and output name. */
export function resolveDisks(limits: readonly BlockIoLimit[]): ThrottledDisk[] {
  return limits.map((limit) => {
    const shown = limit.path.slice(0, 200);
    const stats = statSync(limit.path, { throwIfNoEntry: false });
    if (stats === undefined) {
      throw new SwarmError('invalid_argument', `stat ${shown}: no such file or directory`);
    }
    if (!stats.isBlockDevice()) {
      throw new SwarmError(
        'invalid_argument',
        `${shown} is not a block device: name a disk such as /dev/sda`,
      );
    }
    return { limit, ...deviceNumbers(stats.rdev) };
  });
}

/** How Linux packs the two numbers of a device. */
function deviceNumbers(rdev: number): { readonly major: number; readonly minor: number } {
  return {
    major: ((rdev >> 8) & 0xfff) | (Math.floor(rdev / 2 ** 32) & ~0xfff),
    minor: (rdev & 0xff) | ((rdev >> 12) & 0xfff00),
  };
}

/** All devices of the host, for `--privileged`. */
export function allDevices(): GrantedDevice[] {
  return collect('/dev', '/dev', 'rwm');
}

function collect(source: string, target: string, permissions: string): GrantedDevice[] {
  const stats = statSync(source, { throwIfNoEntry: false });
  if (stats === undefined) {
    return [];
  }
  if (stats.isDirectory()) {
    const names = readdirSync(source).filter((name) => !SKIPPED.has(name));
    return names
      .flatMap((name) => collect(join(source, name), join(target, name), permissions))
      .slice(0, DEVICES_MAX);
  }
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) {
    return [];
  }
  const { rdev } = stats;
  return [
    {
      permissions,
      device: {
        path: target,
        type: stats.isCharacterDevice() ? 'c' : 'b',
        ...deviceNumbers(rdev),
        fileMode: stats.mode & 0o777,
        uid: stats.uid,
        gid: stats.gid,
      },
    },
  ];
}
