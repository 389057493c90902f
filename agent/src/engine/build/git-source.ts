import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { SwarmError, fail, ok, type Result } from '@skep/kernel';

const PROTOCOLS: readonly string[] = ['http:', 'https:', 'git:', 'ssh:'];
const KEPT_BYTES_MAX = 4096;

/** A git URL as `docker build` takes it. */
export interface GitSource {
  readonly repository: string;
  /** Branch, tag or commit; empty: the default branch. */
  readonly reference: string;
  /** Directory below the root of the repository; empty: the root. */
  readonly directory: string;
}

/** Takes `repository#reference:directory` apart. */
export function parseGitUrl(text: string): Result<GitSource> {
  const hash = text.indexOf('#');
  const repository = hash === -1 ? text : text.slice(0, hash);
  const [reference = '', directory = ''] = hash === -1 ? [] : text.slice(hash + 1).split(':', 2);
  const isScp = /^git@[\w.-]+:[^\s]+$/.test(repository);
  if (!isScp && !PROTOCOLS.includes(protocolOf(repository))) {
    return fail(
      'invalid_argument',
      `the remote context must be a git repository (http, https, git or ssh), not ${text.slice(0, 200)}`,
    );
  }
  if (reference.startsWith('-') || /[\s\0]/.test(reference)) {
    return fail('invalid_argument', `invalid reference of a git repository: ${reference.slice(0, 100)}`);
  }
  if (directory.split('/').includes('..')) {
    return fail('invalid_argument', `the directory ${directory.slice(0, 100)} is outside of the repository`);
  }
  return ok({ repository, reference, directory: directory.replace(/^\/+/, '') });
}

function protocolOf(text: string): string {
  return URL.canParse(text) ? new URL(text).protocol : '';
}

/** Fetches one commit of a repository into `directory`, with its submodules. Answers the directory that is the context. */
export async function fetchGitSource(
  source: GitSource,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { repository, reference } = source;
  await git(['init', '--quiet', directory], signal);
  const here = ['-C', directory];
  await git([...here, 'fetch', '--quiet', '--depth', '1', '--', repository, reference || 'HEAD'], signal);
  await git([...here, '-c', 'advice.detachedHead=false', 'checkout', '--quiet', 'FETCH_HEAD'], signal);
  await git([...here, 'submodule', '--quiet', 'update', '--init', '--recursive', '--depth', '1'], signal);
  return source.directory === '' ? directory : join(directory, source.directory);
}

/** Runs git without any configuration of this host, without asking anybody, and without hooks. */
function git(args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', '--', 'git', '-c', 'core.hooksPath=/dev/null', ...args],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: {
          PATH: process.env['PATH'] ?? '/usr/bin:/bin',
          HOME: '/nonexistent',
          GIT_CONFIG_NOSYSTEM: '1',
          GIT_TERMINAL_PROMPT: '0',
          GIT_ALLOW_PROTOCOL: 'http:https:git:ssh',
          GIT_SSH_COMMAND: 'ssh -o BatchMode=yes',
        },
        ...(signal === undefined ? {} : { signal, killSignal: 'SIGKILL' as const }),
      },
    );
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-KEPT_BYTES_MAX);
    });
    child.once('error', (cause) => {
      reject(
        signal?.aborted === true
          ? new SwarmError('cancelled', 'the build was cancelled')
          : new SwarmError('failed_precondition', 'git is not installed on this host: apt install git', {
              cause,
            }),
      );
    });
    child.once('close', (code) => {
      if (code === 0) {
        resolve();
      } else {
        const last = said.trim().split('\n').at(-1) ?? '';
        reject(new SwarmError('failed_precondition', `fetching the git repository failed: ${last}`));
      }
    });
  });
}
