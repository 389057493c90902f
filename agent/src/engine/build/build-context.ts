import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { SwarmError } from '@skep/kernel';
import type { ArchivePool } from '@skep/oci';
import type { BuildSource } from '../build-api.ts';
import { fetchGitSource, parseGitUrl } from './git-source.ts';

const CONTEXT_BYTES_MAX = 256 * 1024 ** 3;
const DOCKERFILE_BYTES_MAX = 1024 * 1024;
const DEFAULT_NAMES: readonly string[] = ['Dockerfile', 'dockerfile'];

/** Programs that unpack what Node does not, with the first bytes of their archives. */
const UNPACKERS: readonly { readonly program: string; readonly magic: Buffer }[] = [
  { program: 'bzip2', magic: Buffer.from('BZh') },
  { program: 'xz', magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
];

export interface BuildContext {
  readonly directory: string;
  readonly dockerfile: string;
  /** A file with the patterns of what COPY must not see. */
  readonly ignoreFile: string;
}

/** Brings the files of a build into `work` and finds the Dockerfile among them. Nothing in them can point outside. */
export async function openBuildContext(request: {
  readonly source: BuildSource;
  readonly dockerfile: string | undefined;
  readonly work: string;
  readonly pool: ArchivePool;
  readonly signal: AbortSignal | undefined;
}): Promise<BuildContext> {
  const { source, work, pool, signal } = request;
  const root = join(work, 'context');
  await mkdir(root, { mode: 0o755 });
  let directory = root;
  if (source.kind === 'git') {
    const parsed = parseGitUrl(source.url);
    if (!parsed.ok) {
      throw parsed.error;
    }
    directory = await insideOf(root, await fetchGitSource(parsed.value, root, signal));
  } else {
    await pool.unpack(
      {
        kind: 'unpack',
        root,
        directory: '',
        asLayer: false,
        owner: { uid: 0, gid: 0 },
        bytesMax: CONTEXT_BYTES_MAX,
      },
      { input: await unpacked(source.archive), signal },
    );
  }
  const dockerfile = await readDockerfile(pool, directory, request.dockerfile);
  return { directory, dockerfile, ignoreFile: await copyIgnoreFile(pool, directory, work) };
}

async function insideOf(root: string, directory: string): Promise<string> {
  const [outer, inner] = await Promise.all([realpath(root), realpath(directory)]).catch((cause: unknown) => {
    throw new SwarmError('invalid_argument', 'the git repository has no such directory', { cause });
  });
  if (inner !== outer && !inner.startsWith(`${outer}/`)) {
    throw new SwarmError('invalid_argument', 'the directory in the git repository leads out of it');
  }
  return inner;
}

async function readDockerfile(pool: ArchivePool, root: string, wanted: string | undefined): Promise<string> {
  const names = wanted === undefined || wanted === 'Dockerfile' ? DEFAULT_NAMES : [wanted];
  const found = await pool.read({ kind: 'read', root, paths: names, bytesMax: DOCKERFILE_BYTES_MAX });
  const bytes = found.find((each) => each !== null);
  const name = names[0] ?? '';
  if (bytes === undefined) {
    throw new SwarmError('invalid_argument', `Cannot locate specified Dockerfile: ${name.slice(0, 200)}`);
  }
  const text = new TextDecoder().decode(bytes).replace(/^\uFEFF/, '');
  if (text.trim() === '') {
    throw new SwarmError('invalid_argument', `the Dockerfile (${name.slice(0, 200)}) cannot be empty`);
  }
  return text;
}

/** A copy, so that the builder neither follows a link nor finds the file of another convention. */
async function copyIgnoreFile(pool: ArchivePool, root: string, work: string): Promise<string> {
  const path = join(work, 'ignore');
  const [bytes] = await pool.read({
    kind: 'read',
    root,
    paths: ['.dockerignore'],
    bytesMax: DOCKERFILE_BYTES_MAX,
  });
  await writeFile(path, bytes ?? '');
  return path;
}

/** The archive as the unpacking thread can read it. */
async function unpacked(archive: Readable): Promise<Readable> {
  const first = await firstBytes(archive);
  const unpacker = UNPACKERS.find(({ magic }) => first.subarray(0, magic.length).equals(magic));
  if (unpacker === undefined) {
    return archive;
  }
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', unpacker.program, '-dc'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.once('error', (error) => child.stdout.destroy(error));
  child.once('close', (code) => {
    if (code !== 0) {
      child.stdout.destroy(
        new SwarmError('invalid_argument', `the context could not be unpacked with ${unpacker.program}`),
      );
    }
  });
  // What is left when the reader has had enough is not an error of its own.
  child.stdin.on('error', () => archive.unpipe());
  archive.pipe(child.stdin);
  return child.stdout;
}

async function firstBytes(archive: Readable): Promise<Buffer> {
  for (;;) {
    const chunk = archive.read() as Buffer | null;
    if (chunk !== null) {
      archive.unshift(chunk);
      return chunk;
    }
    if (archive.readableEnded || archive.destroyed) {
      return Buffer.alloc(0);
    }
    await Promise.race([once(archive, 'readable'), once(archive, 'end'), once(archive, 'close')]);
  }
}
