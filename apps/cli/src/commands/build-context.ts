import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { PassThrough, Readable } from 'node:stream';

import { SwarmError } from '@skep/kernel';

const TAR_MAGIC_OFFSET = 257;
const PACKED_MAGICS: readonly Buffer[] = [
  Buffer.from([0x1f, 0x8b]),
  Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
  Buffer.from('BZh'),
  Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]),
];

/** What goes to the host: an archive, or the URL that it fetches by itself. */
export interface ContextToSend {
  readonly archive?: Readable;
  readonly remote?: string;
  /** Relative to the context. */
  readonly dockerfile?: string;
}

/** Whether this names a git repository rather than a directory: `https://host/a.git`, `git://host/a`, `git@host:a`. */
export function isGitUrl(text: string): boolean {
  return /^(https?:\/\/[^#]*\.git(#.*)?$|git:\/\/|ssh:\/\/|git@[\w.-]+:)/.test(text);
}

/** Whether bytes begin an archive; anything else on standard input is a Dockerfile. */
export function isArchive(head: Buffer): boolean {
  const isTar = head.subarray(TAR_MAGIC_OFFSET, TAR_MAGIC_OFFSET + 5).toString('latin1') === 'ustar';
  return isTar || PACKED_MAGICS.some((magic) => head.subarray(0, magic.length).equals(magic));
}

/** Opens what `swarm build` was given: a directory, `-` for standard input, or a git URL. */
export async function openContext(
  context: string,
  file: string | undefined,
  input: Readable,
): Promise<ContextToSend> {
  const named = file === undefined ? {} : { dockerfile: file };
  if (isGitUrl(context)) {
    return { remote: context, ...named };
  }
  if (context === '-') {
    const { head, rest } = await peek(input);
    return isArchive(head) ? { archive: rest, ...named } : { archive: archiveOf(await readAll(rest)) };
  }
  if (!statSync(context, { throwIfNoEntry: false })?.isDirectory()) {
    throw new SwarmError(
      'invalid_argument',
      `${context} is not a directory, nor the URL of a git repository`,
    );
  }
  // Before packing starts: a refusal must not leave a program behind that nobody reads from.
  const dockerfile = file === undefined ? {} : { dockerfile: insideOf(context, file) };
  return { archive: pack(context), ...dockerfile };
}

/** The Dockerfile's path in the context; as with docker it is given relative to where the command runs. */
function insideOf(context: string, file: string): string {
  const path = relative(resolve(context), resolve(file));
  if (path.startsWith('..') || isAbsolute(path)) {
    throw new SwarmError(
      'invalid_argument',
      `--file ${file} is outside of ${context}: put it into the context`,
    );
  }
  return path;
}

/** A directory as a tar; what .dockerignore leaves out is left out by the host. */
function pack(directory: string): Readable {
  const output = new PassThrough();
  const tar = spawn('tar', ['--create', '--file=-', '--numeric-owner', `--directory=${directory}`, '.'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  tar.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  tar.once('error', (error) => output.destroy(error));
  tar.once('close', (code) => {
    if (code === 0) {
      output.end();
    } else {
      output.destroy(new SwarmError('failed_precondition', `cannot pack ${directory}: ${said.trim()}`));
    }
  });
  output.once('close', () => tar.kill());
  tar.stdout.pipe(output, { end: false });
  return output;
}

/** A context with nothing but a Dockerfile. */
function archiveOf(dockerfile: Buffer): Readable {
  const directory = mkdtempSync(join(tmpdir(), 'swarm-build-'));
  writeFileSync(join(directory, 'Dockerfile'), dockerfile);
  const archive = pack(directory);
  archive.once('close', () => {
    rmSync(directory, { recursive: true, force: true });
  });
  return archive;
}

async function peek(input: Readable): Promise<{ head: Buffer; rest: Readable }> {
  const chunks: Buffer[] = [];
  let size = 0;
  while (size < TAR_MAGIC_OFFSET + 5) {
    const chunk = input.read() as Buffer | null;
    if (chunk !== null) {
      chunks.push(chunk);
      size += chunk.length;
    } else if (input.readableEnded) {
      break;
    } else {
      await Promise.race([once(input, 'readable'), once(input, 'end')]);
    }
  }
  const head = Buffer.concat(chunks);
  return { head, rest: Readable.from(joined(head, input), { objectMode: false }) };
}

async function* joined(head: Buffer, input: Readable): AsyncGenerator<Buffer> {
  yield head;
  if (!input.readableEnded) {
    yield* input as AsyncIterable<Buffer>;
  }
}

async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** `KEY=VALUE` flags as a map; a key alone takes its value from the environment, as with docker. */
export function parsePairs(
  pairs: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    pairs.flatMap((pair): [string, string][] => {
      const equals = pair.indexOf('=');
      if (equals > 0) {
        return [[pair.slice(0, equals), pair.slice(equals + 1)]];
      }
      const value = environment[pair];
      return value === undefined ? [] : [[pair, value]];
    }),
  );
}
