import { setTimeout as delay } from 'node:timers/promises';

import type { Command } from 'commander';

import { isSwarmError, errorMessage } from '@skep/kernel';

import type { Connection } from '../connection/connection.ts';
import { hostInfo } from '../connection/host-info.ts';
import { printJson, renderTable } from '../output.ts';
import { action } from '../run.ts';

interface EventsOptions {
  readonly follow?: boolean;
  readonly limit?: number;
  readonly format?: string;
}

/** `swarm events`, `top`, `doctor`. */
export function registerSystem(program: Command): void {
  program
    .command('events')
    .description('what happened in the cluster, oldest first')
    .option('-f, --follow', 'stay and print what comes')
    .option('-n, --limit <count>', 'how many to begin with', Number, 50)
    .option('--format <form>', 'table or json (one a line)', 'table')
    .action(action<EventsOptions>(({ connection, options }) => printEvents(connection, options)));
  program
    .command('top')
    .description('load of the cluster: nodes with their tasks')
    .option('--format <form>', 'table or json', 'table')
    .action(
      action<{ format?: string }>(async ({ connection, options }) => {
        const [nodes, tasks] = await Promise.all([
          connection.client.call('listNodes', {}),
          connection.client.call('listTasks', { query: { state: ['running'], limit: 10_000 } }),
        ]);
        const rows = nodes.items.map((node) => {
          const here = tasks.items.filter(({ nodeId }) => nodeId === node.id);
          const reserved = here.reduce(
            (sum, { spec }) => sum + (spec.resources?.reservations?.memoryBytes ?? 0),
            0,
          );
          const total = node.description?.resources.memoryBytes ?? 0;
          return {
            node: node.description?.hostname ?? node.id,
            state: node.status.state,
            tasks: here.length,
            memoryReservedPercent: total === 0 ? 0 : Math.round((reserved / total) * 100),
          };
        });
        if (options.format === 'json') {
          printJson(rows);
        } else {
          console.log(
            renderTable(
              ['NODE', 'STATE', 'TASKS', 'MEMORY RESERVED'],
              rows.map((row) => [
                row.node,
                row.state,
                String(row.tasks),
                `${String(row.memoryReservedPercent)} %`,
              ]),
            ),
          );
        }
      }),
    );
  program
    .command('doctor')
    .description('check this host and the cluster; exit code 1 when something is wrong')
    .action(action(({ connection }) => examine(connection)));
}

async function printEvents(
  connection: Connection,
  { follow, limit = 50, format }: EventsOptions,
): Promise<void> {
  let lastId = '';
  for (;;) {
    const { items } = await connection.client.call('listEvents', {
      query: { limit: Math.min(1000, Math.max(1, limit)) },
    });
    const fresh: typeof items = [];
    for (const item of items) {
      if (item.id === lastId) {
        break;
      }
      fresh.push(item);
    }
    lastId = items[0]?.id ?? lastId;
    for (const event of fresh.reverse()) {
      console.log(
        format === 'json'
          ? JSON.stringify(event)
          : `${new Date(event.atMs).toISOString()}  ${event.severity.padEnd(7)}  ${event.action.padEnd(22)}  ${event.message}`,
      );
    }
    if (follow !== true) {
      return;
    }
    await delay(1000);
  }
}

interface Finding {
  readonly isOk: boolean;
  readonly text: string;
}

async function examine(connection: Connection): Promise<void> {
  const findings: Finding[] = [];
  const check = async (what: string, run: () => Promise<Finding>): Promise<void> => {
    try {
      findings.push(await run());
    } catch (error) {
      findings.push({
        isOk: false,
        text: `${what}: ${isSwarmError(error) ? error.message : errorMessage(error)}`,
      });
    }
  };
  await check('this host', async () => {
    const info = await hostInfo(connection);
    return {
      isOk: info.state === 'active',
      text: `this host: ${info.state ?? 'unknown'}, ${info.role ?? 'no role'}`,
    };
  });
  await check('managers', async () => {
    const raft = await connection.client.call('getRaft', {});
    for (const text of raft.advice) {
      findings.push({ isOk: false, text: `managers: ${text}` });
    }
    return { isOk: raft.hasQuorum, text: `managers: ${raft.sentence}` };
  });
  await check('nodes', async () => {
    const { items } = await connection.client.call('listNodes', {});
    const bad = items
      .filter(({ status }) => status.state !== 'ready')
      .map(({ description, id }) => description?.hostname ?? id);
    return {
      isOk: bad.length === 0,
      text:
        bad.length === 0 ? `nodes: all ${String(items.length)} ready` : `nodes: not ready: ${bad.join(', ')}`,
    };
  });
  await check('services', async () => {
    const { items } = await connection.client.call('listServices', {});
    const bad = items.filter(({ tasks }) => tasks.running < tasks.desired).map(({ spec }) => spec.name);
    return {
      isOk: bad.length === 0,
      text:
        bad.length === 0
          ? `services: all ${String(items.length)} complete`
          : `services: not complete: ${bad.join(', ')}`,
    };
  });
  await check('history', async () => {
    const { deps } = await connection.client.call('getHealth', {});
    return {
      isOk: deps.db === 'ok',
      text: `history database: ${deps.db}${deps.dbReason === undefined ? '' : ` (${deps.dbReason})`}`,
    };
  });
  for (const { isOk, text } of findings) {
    console.log(`${isOk ? 'ok  ' : 'BAD '} ${text}`);
  }
  process.exitCode = findings.every(({ isOk }) => isOk) ? 0 : 1;
}
