import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { SwarmError } from '@skep/kernel';

import { must } from '../lab/command.ts';
import { imageFolder } from './cache.ts';
import { runLong } from './command.ts';
import { FILES, bootstrapArguments, recipeDigest, sourcesFor } from './image-recipe.ts';

const BOOTSTRAP_MINUTES = 20;
const DISK_BYTES = 6 * 1024 ** 3;
const MINUTE_MS = 60_000;

export interface MachineImage {
  readonly root: string;
  readonly kernel: string;
  readonly initrd: string;
}

export interface ImageWork {
  /** A folder of this run, on the file system of the cache. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** The machine's disk, kernel and initial RAM disk: the kept ones, or made from Debian's packages. */
export async function provideImage(work: ImageWork): Promise<MachineImage> {
  const folder = imageFolder(recipeDigest());
  if (!existsSync(folder)) {
    await build(folder, work);
  }
  return { root: join(folder, 'root.img'), kernel: join(folder, 'vmlinuz'), initrd: join(folder, 'initrd') };
}

async function build(folder: string, { scratch, signal, say }: ImageWork): Promise<void> {
  const files = join(scratch, 'rootfs');
  const made = join(scratch, 'image');
  mkdirSync(made);
  const targets = await must(['apt-get', 'indextargets', '--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)']);
  const sources = sourcesFor(targets);
  say(
    `building the disk of the machine from ${sources.length === 0 ? "Debian's own source" : 'this host’s sources:'}`,
  );
  sources.forEach((line) => {
    say(`  ${line}`);
  });
  const timeoutMs = BOOTSTRAP_MINUTES * MINUTE_MS;
  const env = { ...process.env, TMPDIR: scratch };
  // It mounts /proc and /sys below: in a mount namespace of its own they cannot stay.
  const namespace = ['unshare', '--mount', '--propagation', 'private'];
  await runLong({
    argv: [...namespace, 'mmdebstrap', ...bootstrapArguments(files, sources)],
    signal,
    timeoutMs,
    env,
  });
  for (const [path, content] of Object.entries(FILES)) {
    mkdirSync(dirname(join(files, path)), { recursive: true });
    writeFileSync(join(files, path), content);
  }
  say('writing it');
  const root = join(made, 'root.img');
  writeFileSync(root, '');
  truncateSync(root, DISK_BYTES);
  await runLong({
    argv: ['mke2fs', '-q', '-F', '-t', 'ext4', '-d', files, root],
    signal,
    timeoutMs,
    env: { ...env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  });
  for (const name of ['vmlinuz', 'initrd']) {
    renameSync(join(files, 'boot', onlyOne(join(files, 'boot'), name)), join(made, name));
  }
  rmSync(files, { recursive: true, force: true });
  try {
    renameSync(made, folder);
  } catch (cause) {
    // Another run was quicker: its disk is as good.
    if (!existsSync(folder)) {
      throw cause;
    }
  }
}

function onlyOne(directory: string, prefix: string): string {
  const [name] = readdirSync(directory).filter((each) => each.startsWith(prefix));
  if (name === undefined) {
    throw new SwarmError('internal', `Debian's kernel package brought no ${prefix} into ${directory}`);
  }
  return name;
}
