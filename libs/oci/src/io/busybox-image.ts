import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { SwarmError } from '@skep/kernel';
import { platformFromNodeArch } from '../core/platform.ts';
import { buildImage, type BuiltImage, type ImageFile, type ImageRecipe } from './image-builder.ts';

/** Where Debian's `busybox-static` puts its program. */
const BUSYBOX_PATH = '/bin/busybox';

export interface BusyboxRecipe {
  /** Laid over busybox as a second layer. */
  readonly files?: readonly ImageFile[];
  readonly config?: ImageRecipe['config'];
  readonly busyboxPath?: string;
}

/**
 * An image of the host's own static busybox with all its commands, users root, nobody and www-data, and whatever files
 * are asked for: tests and the lab need no internet. The same busybox gives the same digests.
 */
export function buildBusyboxImage(recipe: BusyboxRecipe = {}): BuiltImage {
  const path = recipe.busyboxPath ?? BUSYBOX_PATH;
  const program = readProgram(path);
  const commands = execFileSync(path, ['--list'], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => name !== '' && name !== 'busybox')
    .sort();
  const base: ImageFile[] = [
    ...['bin', 'dev', 'etc', 'home', 'proc', 'root', 'run', 'sys', 'usr', 'usr/bin', 'var', 'var/www'].map(
      (name): ImageFile => ({ path: name, type: 'directory' }),
    ),
    { path: 'tmp', type: 'directory', mode: 0o1777 },
    { path: 'bin/busybox', type: 'file', mode: 0o755, content: program },
    ...commands.map((name): ImageFile => ({
      path: `bin/${name}`,
      type: 'link',
      linkPath: 'bin/busybox',
      mode: 0o755,
    })),
    {
      path: 'etc/passwd',
      type: 'file',
      content: [
        'root:x:0:0:root:/root:/bin/sh',
        'www-data:x:33:33:www-data:/var/www:/bin/false',
        'nobody:x:65534:65534:nobody:/home:/bin/false',
        '',
      ].join('\n'),
    },
    {
      path: 'etc/group',
      type: 'file',
      content: ['root:x:0:', 'tty:x:5:', 'www-data:x:33:', 'nogroup:x:65534:', ''].join('\n'),
    },
  ];
  const { files = [] } = recipe;
  return buildImage({
    layers: files.length === 0 ? [base] : [base, files],
    config: {
      cmd: ['sh'],
      architecture: platformFromNodeArch(process.arch).architecture,
      ...recipe.config,
    },
  });
}

function readProgram(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new SwarmError('failed_precondition', `${path} is missing: apt install busybox-static`, { cause });
  }
}
