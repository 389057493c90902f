import { posix } from 'node:path';
import { SwarmError } from '@skep/kernel';

const PATH_DEFAULT = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const PREFIX = 'OCI runtime exec failed: exec failed: unable to start container process: ';
const ANY_EXECUTE_BIT = 0o111;

export interface FoundFile {
  readonly isDirectory: boolean;
  /** Permission bits. */
  readonly mode: number;
}

export interface ExecutableQuestion {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  /** Looks a file up as the container sees it; undefined when there is none. */
  readonly find: (path: string) => FoundFile | undefined;
}

/**
 * Why a command cannot be run in a container, in Docker's words, by which its clients choose the exit code; undefined
 * when nothing speaks against it. Asked before the runtime is started, because the runtime would tell it on the
 * command's own standard error.
 */
export function executableFault(question: ExecutableQuestion): SwarmError | undefined {
  const { args, cwd, find } = question;
  const [name = ''] = args;
  if (!cwd.startsWith('/')) {
    return fault('Cwd must be an absolute path');
  }
  const directory = find(cwd);
  if (directory === undefined) {
    return fault(
      `chdir to cwd (${JSON.stringify(cwd)}) set in config.json failed: no such file or directory`,
    );
  }
  if (!directory.isDirectory) {
    return fault(`chdir to cwd (${JSON.stringify(cwd)}) set in config.json failed: not a directory`);
  }
  const quoted = JSON.stringify(name);
  if (!name.includes('/')) {
    const isThere = searchPath(question.env).some((folder) =>
      isExecutable(find(posix.resolve(cwd, folder, name))),
    );
    return isThere ? undefined : fault(`exec: ${quoted}: executable file not found in $PATH`);
  }
  const file = find(posix.resolve(cwd, name));
  if (file === undefined) {
    return fault(`exec: ${quoted}: stat ${name}: no such file or directory`);
  }
  if (file.isDirectory) {
    return fault(`exec: ${quoted}: is a directory: permission denied`);
  }
  return isExecutable(file) ? undefined : fault(`exec: ${quoted}: permission denied`);
}

function searchPath(env: readonly string[]): readonly string[] {
  const path = env.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? PATH_DEFAULT;
  return path.split(':');
}

function isExecutable(file: FoundFile | undefined): boolean {
  return file !== undefined && !file.isDirectory && (file.mode & ANY_EXECUTE_BIT) !== 0;
}

function fault(reason: string): SwarmError {
  return new SwarmError('invalid_argument', PREFIX + reason);
}
