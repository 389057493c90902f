import type { Command } from 'commander';

import { formatBytes } from '@skep/kernel';

import { ago, printJson, printList, type ListOptions } from '../output.ts';
import { action } from '../run.ts';

/** What a noun of this host's engine shows; paths are those of the Docker Engine API. */
interface EngineNoun {
  readonly noun: string;
  readonly description: string;
  readonly listPath: string;
  readonly header: readonly string[];
  readonly row: (item: Record<string, unknown>) => readonly string[];
  readonly id: (item: Record<string, unknown>) => string;
  readonly inspectPath: (name: string) => string;
  readonly removePath: (name: string, isForced: boolean) => string;
}

const text = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';
const first = (value: unknown): string => (Array.isArray(value) ? text(value[0]) : '');
const hexId = (value: unknown): string =>
  text(value)
    .replace(/^sha256:/, '')
    .slice(0, 12);
const when = (value: unknown): string =>
  typeof value === 'number' ? ago(value * 1000, Date.now()) : ago(Date.parse(text(value)), Date.now());

const NOUNS: readonly EngineNoun[] = [
  {
    noun: 'container',
    description: 'containers of this host, those of tasks included',
    listPath: '/containers/json?all=1',
    header: ['ID', 'NAME', 'IMAGE', 'STATUS', 'CREATED'],
    row: (item) => [
      hexId(item['Id']),
      first(item['Names']).replace(/^\//, ''),
      text(item['Image']),
      text(item['Status']),
      when(item['Created']),
    ],
    id: (item) => hexId(item['Id']),
    inspectPath: (name) => `/containers/${encodeURIComponent(name)}/json`,
    removePath: (name, isForced) => `/containers/${encodeURIComponent(name)}?force=${String(isForced)}`,
  },
  {
    noun: 'image',
    description: 'images of this host',
    listPath: '/images/json',
    header: ['ID', 'REFERENCE', 'SIZE', 'CREATED'],
    row: (item) => [
      hexId(item['Id']),
      first(item['RepoTags']),
      formatBytes(Number(item['Size'])),
      when(item['Created']),
    ],
    id: (item) => hexId(item['Id']),
    inspectPath: (name) => `/images/${encodeURIComponent(name)}/json`,
    removePath: (name, isForced) => `/images/${encodeURIComponent(name)}?force=${String(isForced)}`,
  },
  {
    noun: 'volume',
    description: 'volumes of this host',
    listPath: '/volumes',
    header: ['NAME', 'DRIVER', 'CREATED'],
    row: (item) => [text(item['Name']), text(item['Driver']), when(item['CreatedAt'])],
    id: (item) => text(item['Name']),
    inspectPath: (name) => `/volumes/${encodeURIComponent(name)}`,
    removePath: (name, isForced) => `/volumes/${encodeURIComponent(name)}?force=${String(isForced)}`,
  },
];

/** `swarm container|image|volume ...`: what this host's engine holds. For everything else there is the docker CLI. */
export function registerEngineNouns(program: Command): void {
  for (const noun of NOUNS) {
    registerNoun(program, noun);
  }
}

function registerNoun(program: Command, noun: EngineNoun): void {
  const command = program.command(noun.noun).description(noun.description);
  command
    .command('ls')
    .description(`list ${noun.noun}s`)
    .option('-q, --quiet', 'only ids')
    .option('--format <form>', 'table or json', 'table')
    .action(
      action<ListOptions>(async ({ connection, options }) => {
        const answer = (await connection.engine('GET', noun.listPath)) as
          Record<string, unknown>[] | { Volumes: Record<string, unknown>[] | null };
        const items = Array.isArray(answer) ? answer : (answer.Volumes ?? []);
        printList({ items, header: noun.header, row: noun.row, id: noun.id }, options);
      }),
    );
  command
    .command('inspect <name...>')
    .description(`show ${noun.noun}s whole, as JSON`)
    .action(
      action(async ({ connection, args }) => {
        printJson(await Promise.all(args.map((name) => connection.engine('GET', noun.inspectPath(name)))));
      }),
    );
  command
    .command('rm <name...>')
    .description(`remove ${noun.noun}s`)
    .option('-f, --force', 'also when in use')
    .action(
      action<{ force?: boolean }>(async ({ connection, options, args }) => {
        for (const name of args) {
          await connection.engine('DELETE', noun.removePath(name, options.force === true));
          console.log(name);
        }
      }),
    );
}
