import { spawn } from 'node:child_process';
import { SwarmError } from '@skep/kernel';

/** Bytes of what a builder may say that are kept, when nobody listens. */
const KEPT_OUTPUT_MAX = 64 * 1024;

/**
 * Runs inside the builder's namespaces: its own list of resolvers covers the host's, the loopback of a namespace without
 * a network comes up, and the builder takes this shell's place.
 */
const PRELUDE = [
  'if [ -n "$1" ]; then mount --bind "$1" /etc/resolv.conf || exit 125; fi',
  'if [ "$2" = none ]; then ip link set lo up || exit 125; fi',
  'shift 2',
  'exec "$@"',
].join('\n');

/** Where a builder's processes find the network. */
export type BuilderNetwork =
  | { readonly kind: 'host' }
  | { readonly kind: 'none' }
  | { readonly kind: 'namespace'; readonly path: string; readonly resolvConfPath: string };

export interface BuilderCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly network: BuilderNetwork;
  /** The builder waits while the promise it answers is open. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', text: string) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

export interface BuilderEnd {
  /** 128 and above: killed. */
  readonly exitCode: number;
  /** What was said last, when nobody listened. */
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a builder to its end. It lives in a mount and a pid namespace of its own, and is killed when this process ends in
 * whatever way: with its first process the kernel ends all the others and unmounts everything.
 */
export async function runBuilder(command: BuilderCommand): Promise<BuilderEnd> {
  command.signal?.throwIfAborted();
  const { network } = command;
  const child = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', '--'],
      ...(network.kind === 'namespace' ? ['nsenter', `--net=${network.path}`, '--'] : []),
      ...['unshare', '--pid', '--fork', '--kill-child=KILL', '--mount', '--mount-proc'],
      ...['--propagation', 'private'],
      ...(network.kind === 'none' ? ['--net'] : []),
      ...['--', 'sh', '-c', PRELUDE, 'sh'],
      network.kind === 'namespace' ? network.resolvConfPath : '',
      network.kind,
      command.program,
      ...command.args,
    ],
    { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], env: { ...command.environment } },
  );
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  command.signal?.addEventListener('abort', kill, { once: true });
  const kept = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8');
    child[stream].on('data', (text: string) => {
      if (command.onOutput === undefined) {
        kept[stream] = `${kept[stream]}${text}`.slice(-KEPT_OUTPUT_MAX);
      } else {
        const slowed = command.onOutput(stream, text);
        if (slowed !== undefined) {
          child[stream].pause();
          void slowed.finally(() => child[stream].resume());
        }
      }
    });
  }
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 137));
    });
    if (command.signal?.aborted === true) {
      throw new SwarmError('cancelled', 'the build was cancelled');
    }
    return { exitCode, ...kept };
  } finally {
    command.signal?.removeEventListener('abort', kill);
  }
}
