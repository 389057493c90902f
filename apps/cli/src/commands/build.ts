import type { Command } from 'commander';

import { SwarmError } from '@skep/kernel';

import { action, collect } from '../run.ts';
import { openContext, parsePairs, type ContextToSend } from './build-context.ts';

interface BuildFlags {
  readonly tag?: string[];
  readonly file?: string;
  readonly buildArg?: string[];
  readonly label?: string[];
  readonly target?: string;
  readonly platform?: string;
  readonly network?: string;
  readonly cacheFrom?: readonly string[];
  readonly addHost?: string[];
  readonly cache: boolean;
  readonly pull?: boolean;
  readonly quiet?: boolean;
}

/** One line of a build's stream, in Docker's shape. */
interface BuildLine {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number };
  readonly errorDetail?: { readonly code?: number; readonly message: string };
}

/** `swarm build`: an image of this host, made from a Dockerfile. */
export function registerBuild(program: Command): void {
  program
    .command('build <context>')
    .description(
      'build an image on this host from a directory, an archive or Dockerfile on standard input (-), or a git URL',
    )
    .option('-t, --tag <name>', 'name of the image (repeat)', collect)
    .option('-f, --file <path>', 'the Dockerfile (Dockerfile in the context)')
    .option('--build-arg <key=value>', 'value of an ARG (repeat)', collect)
    .option('--label <key=value>', 'label of the image (repeat)', collect)
    .option('--target <stage>', 'last stage to build')
    .option('--platform <platform>', 'such as linux/amd64')
    .option('--network <mode>', 'network of RUN: bridge, none, host, or a network')
    .option('--add-host <name:ip>', 'line of /etc/hosts (repeat)', collect)
    .option('--no-cache', 'do every step anew')
    .option('--cache-from <image>', 'image on this host whose steps count as done (repeat)', collect)
    .option('--pull', 'fetch base images even when they are here')
    .option('-q, --quiet', 'print the id of the image only')
    .action(
      action<BuildFlags>(async ({ connection, options, args }) => {
        const [where = '.'] = args;
        const context = await openContext(where, options.file, process.stdin);
        const lines = await connection.engineStream(
          `/build?${buildQuery(options, context)}`,
          context.archive,
        );
        await show(lines as AsyncIterable<BuildLine>);
      }),
    );
}

/** The query of `POST /build`. */
export function buildQuery(
  flags: Partial<BuildFlags>,
  context: Pick<ContextToSend, 'remote' | 'dockerfile'>,
): string {
  const query = new URLSearchParams();
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined) {
      query.append(name, value);
    }
  };
  for (const tag of flags.tag ?? []) {
    set('t', tag);
  }
  for (const host of flags.addHost ?? []) {
    set('extrahosts', host);
  }
  set('dockerfile', context.dockerfile);
  set('remote', context.remote);
  set('target', flags.target);
  set('platform', flags.platform);
  set('networkmode', flags.network);
  set('buildargs', JSON.stringify(parsePairs(flags.buildArg ?? [], process.env)));
  set('labels', JSON.stringify(parsePairs(flags.label ?? [], {})));
  set('cachefrom', flags.cacheFrom === undefined ? undefined : JSON.stringify(flags.cacheFrom));
  set('nocache', flags.cache === false ? '1' : undefined);
  set('pull', flags.pull === true ? '1' : undefined);
  set('q', flags.quiet === true ? '1' : undefined);
  return query.toString();
}

async function show(lines: AsyncIterable<BuildLine>): Promise<void> {
  for await (const line of lines) {
    if (line.errorDetail !== undefined) {
      throw new SwarmError('failed_precondition', line.errorDetail.message);
    }
    if (line.stream !== undefined) {
      process.stdout.write(line.stream);
    } else if (line.status !== undefined && line.progressDetail?.current === undefined) {
      process.stderr.write(`${line.id === undefined ? '' : `${line.id}: `}${line.status}\n`);
    }
  }
}
