import { writeSync } from 'node:fs';
import koffi from 'koffi';
import { SwarmError } from '@skep/kernel';
import { errnoName } from './errno.ts';

/**
 * Starts programs by posix_spawn(3). Node forks: that copies the page tables of this process and makes each page that
 * is written afterwards fault once more, which costs several milliseconds of the event loop for each program.
 * posix_spawn shares the memory until the program has been loaded, and costs a fraction of one.
 */
const libc = koffi.load('libc.so.6');

const nativeSpawn = libc.func(
  'int posix_spawn(_Out_ int *pid, const char *path, const void *actions, const void *attributes, const char **argv, const char **envp)',
);
const actionsInit = libc.func('int posix_spawn_file_actions_init(void *actions)');
const actionsDestroy = libc.func('int posix_spawn_file_actions_destroy(void *actions)');
const addOpen = libc.func(
  'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)',
);
const addDuplicate = libc.func('int posix_spawn_file_actions_adddup2(void *actions, int fd, int target)');
const addDirectory = libc.func('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)');
const attributesInit = libc.func('int posix_spawnattr_init(void *attributes)');
const attributesDestroy = libc.func('int posix_spawnattr_destroy(void *attributes)');
const setFlags = libc.func('int posix_spawnattr_setflags(void *attributes, short flags)');
const setDefaults = libc.func('int posix_spawnattr_setsigdefault(void *attributes, const void *signals)');
const setMask = libc.func('int posix_spawnattr_setsigmask(void *attributes, const void *signals)');
const nativePipe = libc.func('int pipe2(_Out_ int *ends, int flags)');
const nativeMemoryFile = libc.func('int memfd_create(const char *name, unsigned int flags)');
const nativeSeek = libc.func('long lseek(int fd, long offset, int whence)');
const nativeWait = libc.func('int waitpid(int pid, _Out_ int *status, int options)');

/** Larger than either structure in any C library. */
const STRUCTURE_BYTES = 1024;
const SIGNAL_SET_BYTES = 128;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
const O_RDWR = 2;
const O_CLOEXEC = 0o2000000;
const MFD_CLOEXEC = 1;
const WNOHANG = 1;
const STANDARD_DESCRIPTORS: readonly number[] = [0, 1, 2];
const NO_SIGNALS = Buffer.alloc(SIGNAL_SET_BYTES);
const ALL_SIGNALS = Buffer.alloc(SIGNAL_SET_BYTES, 0xff);
const REAP_DELAYS_MS: readonly number[] = [1, 10, 100, 1000];

export interface ProgramRequest {
  /** A path, or a name that is looked for in the directories of PATH of `environment`. */
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** In a session of its own: signals to our process group do not reach it. */
  readonly isSessionLeader?: boolean;
  /** The program's descriptor -> ours. Of 0 to 2, those that are missing are /dev/null; nothing else is inherited. */
  readonly descriptors: ReadonlyMap<number, number>;
}

/**
 * Starts a program in the namespaces of the calling thread and answers its pid, which stays taken until it is reaped.
 * @throws SwarmError `failed_precondition` when the program cannot be run.
 */
export function startProgram(request: ProgramRequest): number {
  const actions = Buffer.alloc(STRUCTURE_BYTES);
  const attributes = Buffer.alloc(STRUCTURE_BYTES);
  actionsInit(actions);
  attributesInit(attributes);
  try {
    for (const fd of STANDARD_DESCRIPTORS.filter((each) => !request.descriptors.has(each))) {
      addOpen(actions, fd, '/dev/null', O_RDWR, 0);
    }
    for (const [target, fd] of request.descriptors) {
      addDuplicate(actions, fd, target);
    }
    if (request.directory !== undefined) {
      addDirectory(actions, request.directory);
    }
    // What this process ignores (SIGPIPE) would stay ignored in the program.
    const session = request.isSessionLeader === true ? POSIX_SPAWN_SETSID : 0;
    setFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | session);
    setDefaults(attributes, ALL_SIGNALS);
    setMask(attributes, NO_SIGNALS);
    return spawnFirst(request, actions, attributes);
  } finally {
    attributesDestroy(attributes);
    actionsDestroy(actions);
  }
}

function spawnFirst(request: ProgramRequest, actions: Buffer, attributes: Buffer): number {
  const { command, args, environment } = request;
  const argv = [command, ...args, null];
  const envp = [...Object.entries(environment).map(([name, value]) => `${name}=${value}`), null];
  const pid = [0];
  let errno = 0;
  for (const path of candidates(command, environment['PATH'] ?? '')) {
    errno = nativeSpawn(pid, path, actions, attributes, argv, envp) as number;
    if (errno === 0) {
      return pid[0] ?? 0;
    }
    if (errno !== koffi.os.errno['ENOENT']) {
      break;
    }
  }
  const code = errnoName(errno);
  throw new SwarmError('failed_precondition', `cannot run ${command} (${code})`, { details: { code } });
}

function candidates(command: string, path: string): readonly string[] {
  return command.includes('/') ? [command] : path.split(':').map((directory) => `${directory}/${command}`);
}

/** A pipe whose ends no program inherits unless it is given one. */
export function openPipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const ends = [-1, -1];
  if ((nativePipe(ends, O_CLOEXEC) as number) !== 0) {
    throw new SwarmError('resource_exhausted', 'no pipe can be opened: too many open files');
  }
  return { readEnd: ends[0] ?? -1, writeEnd: ends[1] ?? -1 };
}

/** A file without a name that holds `text`, at its beginning: input for a program, of any length, without waiting. */
export function memoryFile(text: string): number {
  const fd = nativeMemoryFile('input', MFD_CLOEXEC) as number;
  if (fd < 0) {
    throw new SwarmError('resource_exhausted', 'no file in memory can be opened: too many open files');
  }
  const bytes = Buffer.from(text);
  for (let offset = 0; offset < bytes.length;) {
    offset += writeSync(fd, bytes, offset);
  }
  nativeSeek(fd, 0, 0);
  return fd;
}

/** How a program ended: by itself, or by a signal (0 when by none). */
export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: number;
}

/** Takes the end of a program that {@link startProgram} started; undefined while it runs. Each end is told once. */
export function takeEnd(pid: number): ProgramEnd | undefined {
  return endOf(pid, WNOHANG);
}

/** As {@link takeEnd}, for a program that is just ending (its pipes are closed): waits for the last of it. */
export function awaitEnd(pid: number): ProgramEnd {
  return endOf(pid, 0) ?? { exitCode: 1, signal: 0 };
}

function endOf(pid: number, options: number): ProgramEnd | undefined {
  const status = [0];
  const answered = nativeWait(pid, status, options) as number;
  if (answered === 0) {
    return undefined;
  }
  const word = answered === pid ? (status[0] ?? 0) : 0x100;
  const signal = word & 0x7f;
  return { exitCode: signal === 0 ? (word >> 8) & 0xff : null, signal };
}

/** Reaps a program whose end nobody waits for. */
export function reapLater(pid: number, attempt = 0): void {
  if (takeEnd(pid) === undefined) {
    const delay = REAP_DELAYS_MS[Math.min(attempt, REAP_DELAYS_MS.length - 1)];
    setTimeout(() => {
      reapLater(pid, attempt + 1);
    }, delay).unref();
  }
}
