import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

import { SwarmError } from '@skep/kernel';
import { buildImage, type BuiltImage, type ImageFile } from '@skep/oci';

const BUSYBOX_PATHS = ['/bin/busybox', '/usr/bin/busybox'];

/** Files every image of ours starts with: accounts, a world-writable /tmp, a place for state. */
export const BASE_FILES: readonly ImageFile[] = [
  ...['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'usr', 'usr/bin', 'var', 'run'].map((path): ImageFile => ({
    path,
    type: 'directory',
    mode: 0o755,
  })),
  { path: 'tmp', type: 'directory', mode: 0o1777 },
  {
    path: 'etc/passwd',
    type: 'file',
    mode: 0o644,
    content: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  },
  { path: 'etc/group', type: 'file', mode: 0o644, content: 'root:x:0:\nnogroup:x:65534:\n' },
];

/** Debian's static busybox and a link for each of its commands. */
export function busyboxFiles(): ImageFile[] {
  const binary = BUSYBOX_PATHS.find((path) => existsSync(path));
  if (binary === undefined) {
    throw new SwarmError('failed_precondition', 'busybox is not installed: apt-get install busybox-static');
  }
  const commands = execFileSync(binary, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  return [
    { path: 'bin/busybox', type: 'file', mode: 0o755, content: readFileSync(binary) },
    ...commands
      .filter((name) => name !== 'busybox')
      .map((name): ImageFile => ({ path: `bin/${name}`, type: 'symlink', linkPath: 'busybox' })),
  ];
}

/** A small image with sh, httpd, wget, nc and the other commands of busybox. */
export function busyboxImage(): BuiltImage {
  return buildImage({
    layers: [[...BASE_FILES, ...busyboxFiles()]],
    config: {
      cmd: ['sh'],
      env: ['PATH=/bin:/usr/bin'],
      labels: { 'org.opencontainers.image.title': 'skep sample' },
    },
  });
}
