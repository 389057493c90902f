import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import type { Command } from 'commander';

import { parseStack, readEnvFile, type Diagnostic } from '@skep/compose';
import type { Plan, StackView } from '@skep/contract';
import { SwarmError, errorMessage } from '@skep/kernel';

import type { Connection } from '../connection/connection.ts';
import { ago, printJson, printList, renderTable, type ListOptions } from '../output.ts';
import { converge } from '../progress.ts';
import { action, collect } from '../run.ts';
import { registerLogs } from './logs.ts';
import { addTaskListOptions, printTasks, type TaskListOptions } from './task.ts';

interface DeployOptions {
  readonly composeFile: string;
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly message?: string;
  readonly prune?: boolean;
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

/** `swarm stack ...` */
export function registerStack(program: Command): void {
  const stack = program
    .command('stack')
    .description('stacks: services, networks, secrets and configs from one file');
  registerDeployAndPlan(stack);
  registerShowing(stack);
  registerLogs(stack, 'stack');
  stack
    .command('rm <stack...>')
    .description('remove stacks with all that belongs to them')
    .action(
      action(async ({ connection, args }) => {
        for (const name of args) {
          await connection.client.call('removeStack', { params: { stack: name } });
          console.log(name);
        }
      }),
    );
}

function withFileOptions(command: Command): Command {
  return command
    .requiredOption('-c, --compose-file <file>', 'compose file; - reads standard input')
    .option('-e, --env <name=value>', 'value for ${NAME} in the file (default: the environment)', collect)
    .option('--env-file <file>', 'file of such values (default: .env beside the compose file)', collect);
}

function registerDeployAndPlan(stack: Command): void {
  withFileOptions(
    stack.command('plan <stack>').description('show what a deploy would change, and change nothing'),
  ).action(
    action<DeployOptions>(async ({ connection, options, args }) => {
      const [name = ''] = args;
      const plan = await connection.client.call('planStack', {
        params: { stack: name },
        body: readInput(name, options),
      });
      console.log(renderPlan(plan));
      process.exitCode = plan.blockers.length === 0 ? 0 : 2;
    }),
  );
  withFileOptions(stack.command('deploy <stack>').description('create or change a stack from a compose file'))
    .option('-m, --message <text>', 'why, for the history')
    .option('--no-prune', 'keep services that the file no longer names')
    .option('-d, --detach', 'do not wait until the tasks run')
    .option('-q, --quiet', 'no progress')
    .action(
      action<DeployOptions>(async ({ connection, options, args }) => {
        const [name = ''] = args;
        const { plan } = await connection.client.call('deployStack', {
          params: { stack: name },
          body: {
            ...readInput(name, options),
            prune: options.prune !== false,
            ...(options.message === undefined ? {} : { message: options.message }),
          },
        });
        console.log(renderPlan(plan));
        if (options.detach !== true) {
          await convergeStack(connection, name, options.quiet === true);
        }
      }),
    );
}

async function convergeStack(connection: Connection, name: string, isQuiet: boolean): Promise<void> {
  const { items } = await connection.client.call('listServices', { query: { stack: name } });
  for (const service of items) {
    await converge(connection, service.id, { quiet: isQuiet });
  }
}

interface StackText {
  readonly source: string;
  readonly variables: Record<string, string>;
  readonly files: Record<string, string>;
}

/**
 * Reads the compose file and the files it speaks of, and checks it here already: errors come with line and column
 * before anything is sent.
 */
function readInput(name: string, { composeFile, env, envFile }: DeployOptions): StackText {
  const source = readText(composeFile);
  const folder = composeFile === '-' ? process.cwd() : dirname(resolve(composeFile));
  const variables = readVariables(folder, env, envFile);
  const contents = readNamedFiles(source, folder);
  const result = parseStack({ name, text: source, variables, files: contents });
  const file = composeFile === '-' ? 'standard input' : composeFile;
  for (const diagnostic of result.diagnostics.filter(({ severity }) => severity === 'warning')) {
    console.error(formatDiagnostic(file, diagnostic));
  }
  if (!result.ok) {
    const errors = result.diagnostics.filter(({ severity }) => severity === 'error');
    throw new SwarmError(
      'invalid_argument',
      errors.map((diagnostic) => formatDiagnostic(file, diagnostic)).join('\n'),
    );
  }
  const used = Object.fromEntries(
    Object.entries(variables).filter(([key]) => result.stack.variables.includes(key) || source.includes(key)),
  );
  return {
    source,
    variables: used,
    files: Object.fromEntries(
      Object.entries(contents).map(([path, bytes]) => [path, Buffer.from(bytes).toString('base64')]),
    ),
  };
}

function formatDiagnostic(file: string, { line, column, severity, path, message }: Diagnostic): string {
  return `${file}:${String(line)}:${String(column)}: ${severity}: ${path === '' ? '' : `${path}: `}${message}`;
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new SwarmError('not_found', `cannot read ${file}: ${errorMessage(error)}`, { cause: error });
  }
}

function readVariables(
  folder: string,
  env: readonly string[] | undefined,
  files: readonly string[] | undefined,
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [key, value] of Object.entries(process.env)) {
    if (value !== undefined) {
      variables[key] = value;
    }
  }
  for (const file of files ?? [resolve(folder, '.env')]) {
    const text = files === undefined ? readOptional(file) : readText(file);
    Object.assign(variables, Object.fromEntries(readEnvFile(text)));
  }
  for (const item of env ?? []) {
    const split = item.indexOf('=');
    variables[split === -1 ? item : item.slice(0, split)] = split === -1 ? '' : item.slice(split + 1);
  }
  return variables;
}

function readOptional(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // No .env beside the file: nothing to add.
  }
}

/** The files a compose text names under `file:` and `env_file:`, by the path as written. What cannot be read is reported by the check. */
function readNamedFiles(source: string, folder: string): Record<string, Uint8Array> {
  const names = [...source.matchAll(/(?:^|[\s{,])(?:file|env_file):\s*["']?([^\s"'},\]]+)/gm)].map(
    (match) => match[1] ?? '',
  );
  const listed = [...source.matchAll(/env_file:\s*\n((?:\s+-\s*.+\n?)+)/g)].flatMap((match) =>
    [...(match[1] ?? '').matchAll(/-\s*["']?([^\s"']+)/g)].map((item) => item[1] ?? ''),
  );
  const files: Record<string, Uint8Array> = {};
  for (const name of [...names, ...listed]) {
    try {
      files[name] = readFileSync(resolve(folder, name));
    } catch {
      continue; // parseStack names the line that wants it.
    }
  }
  return files;
}

const SIGNS = { create: '+', update: '~', replace: '±', remove: '−', keep: '=' } as const;

/** A plan for people: one line per object, its changed fields below. */
export function renderPlan(plan: Plan): string {
  const lines: string[] = [];
  for (const { op, kind, name, changes } of plan.actions) {
    if (op === 'keep') {
      continue;
    }
    lines.push(`${SIGNS[op]} ${op} ${kind} ${name}`);
    for (const { path, before, after } of op === 'update' ? changes : []) {
      lines.push(`    ${path}: ${short(before)} → ${short(after)}`);
    }
  }
  const { tasksStarted, tasksRestarted, tasksStopped } = plan.impact;
  lines.push(
    lines.length === 0
      ? 'nothing to change'
      : `tasks: ${String(tasksStarted)} started, ${String(tasksRestarted)} restarted, ${String(tasksStopped)} stopped`,
  );
  lines.push(
    ...plan.warnings.map(({ message }) => `warning: ${message}`),
    ...plan.blockers.map(({ message }) => `blocked: ${message}`),
  );
  return lines.join('\n');
}

function short(value: unknown): string {
  const text = value === undefined ? '(none)' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function registerShowing(stack: Command): void {
  stack
    .command('ls')
    .description('list stacks')
    .option('-q, --quiet', 'only names')
    .option('--format <form>', 'table or json', 'table')
    .action(
      action<ListOptions>(async ({ connection, options }) => {
        const { items } = await connection.client.call('listStacks', {});
        const nowMs = Date.now();
        printList<StackView>(
          {
            items,
            header: ['NAME', 'SERVICES', 'TASKS', 'REVISION', 'DEPLOYED', 'BY'],
            row: (item) => [
              item.name,
              String(item.services),
              `${String(item.tasks.running)}/${String(item.tasks.desired)}`,
              String(item.revision),
              ago(item.updatedAtMs, nowMs),
              item.deployedBy,
            ],
            id: ({ name }) => name,
          },
          options,
        );
      }),
    );
  stack
    .command('services <stack>')
    .description('list the services of a stack')
    .action(
      action(async ({ connection, args }) => {
        const { items } = await connection.client.call('listServices', { query: { stack: args[0] ?? '' } });
        console.log(
          renderTable(
            ['NAME', 'MODE', 'REPLICAS', 'IMAGE'],
            items.map(({ spec, tasks }) => [
              spec.name,
              spec.mode.type,
              `${String(tasks.running)}/${String(tasks.desired)}`,
              spec.task.container.image,
            ]),
          ),
        );
      }),
    );
  addTaskListOptions(stack.command('ps <stack>').description('list the tasks of a stack')).action(
    action<TaskListOptions>(({ connection, options, args }) =>
      printTasks(connection, { stack: args[0] ?? '' }, options),
    ),
  );
  stack
    .command('config <stack>')
    .description('show the text a stack was deployed from')
    .option('--revision <number>', 'an older one', Number)
    .option('--json', 'with its data, as JSON')
    .action(
      action<{ revision?: number; json?: boolean }>(async ({ connection, options, args }) => {
        const view = await connection.client.call('getStackSource', {
          params: { stack: args[0] ?? '' },
          query: options.revision === undefined ? {} : { revision: options.revision },
        });
        if (options.json === true) {
          printJson(view);
        } else {
          process.stdout.write(view.source);
        }
      }),
    );
}
