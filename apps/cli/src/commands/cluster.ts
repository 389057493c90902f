import { networkInterfaces } from 'node:os';

import type { Command } from 'commander';

import { SwarmError } from '@skep/kernel';

import type { Connection } from '../connection/connection.ts';
import { hostInfo, type HostInfo } from '../connection/host-info.ts';
import { printJson } from '../output.ts';
import { action } from '../run.ts';

interface InitOptions {
  readonly advertiseAddr?: string;
  readonly listenAddr?: string;
  readonly dataPathAddr?: string;
  readonly availability?: string;
  readonly forceNewCluster?: boolean;
  readonly autolock?: boolean;
}

/** `swarm init`, `join`, `leave`, `join-token`, `ca`, `info`. */
export function registerCluster(program: Command): void {
  program
    .command('init')
    .description('make this host the first manager of a new cluster')
    .option('--advertise-addr <ip>', 'address other hosts reach this one by')
    .option('--listen-addr <ip:port>', 'where the manager port listens (default 0.0.0.0:2377)')
    .option('--data-path-addr <ip>', 'address for traffic between containers, when it is another')
    .option('--availability <state>', 'active, pause or drain', 'active')
    .option('--autolock', 'managers need an unlock key after each start')
    .option(
      '--force-new-cluster',
      'go on alone from the state of this manager, when the others are lost for good',
    )
    .action(
      action<InitOptions>(async ({ connection, options }) => {
        const { autolock, ...wanted } = options;
        if (options.forceNewCluster === true) {
          await forceNewCluster(connection, wanted);
          return;
        }
        const advertiseAddr = options.advertiseAddr ?? onlyAddress();
        const body = { ...wanted, advertiseAddr };
        const made = (await connection.local('POST', '/local/v1/init', body)) as { nodeId?: string };
        console.log(`This host is now the first manager of a new cluster (node ${made.nodeId ?? ''}).\n`);
        if (autolock === true) {
          await connection.client.call('patchCluster', { body: { autoLockManagers: true } });
          const { unlockKey } = await connection.client.call('getUnlockKey', {});
          console.log(
            `Managers are locked. Keep this key: swarm unlock asks for it.\n\n    ${unlockKey ?? ''}\n`,
          );
        }
        const tokens = await connection.client.call('getJoinTokens', {});
        console.log('To add a worker, run there:\n');
        console.log(`    swarm join --token ${tokens.worker} ${advertiseAddr}:2377\n`);
        console.log('For a manager: swarm join-token manager');
        const setup = await connection.client.call('createSetupToken', {});
        console.log(
          `Console: https://${advertiseAddr}:8377/setup#token=${setup.token}  (works once, for 30 minutes)`,
        );
      }),
    );
  program
    .command('join <address>')
    .description('join this host to a cluster')
    .requiredOption('--token <token>', 'join token: swarm join-token worker|manager on a manager')
    .option('--advertise-addr <ip>', 'address other hosts reach this one by')
    .option('--data-path-addr <ip>', 'address for traffic between containers, when it is another')
    .option('--availability <state>', 'active, pause or drain', 'active')
    .action(
      action<InitOptions & { token: string }>(async ({ connection, options, args }) => {
        const [address = ''] = args;
        const remote = /:\d+$/.test(address) ? address : `${address}:2377`;
        await connection.local('POST', '/local/v1/join', { ...options, remoteAddrs: [remote] });
        console.log('This node joined the cluster.');
      }),
    );
  program
    .command('leave')
    .description('take this host out of its cluster')
    .option('-f, --force', 'also as a manager, whatever becomes of the cluster')
    .action(
      action<{ force?: boolean }>(async ({ connection, options }) => {
        await connection.local('POST', '/local/v1/leave', { force: options.force === true });
        console.log('This node left the cluster.');
      }),
    );
  registerTokens(program);
}

/** The addresses of this host stay as they are unless others are given. */
async function forceNewCluster(
  connection: Connection,
  options: Omit<InitOptions, 'autolock'>,
): Promise<void> {
  const { nodeAddr } = await hostInfo(connection);
  const advertiseAddr = options.advertiseAddr ?? nodeAddr;
  if (advertiseAddr === undefined || advertiseAddr === '') {
    throw new SwarmError(
      'failed_precondition',
      'this host is in no cluster: there is nothing to go on from. A backup is restored by: swarm restore',
    );
  }
  await connection.local('POST', '/local/v1/init', { ...options, advertiseAddr });
  console.log('This host is now the only manager; services, tasks, secrets and workers are as they were.');
  console.log('The managers that were lost count as workers and take that role when they come back.');
  console.log('Add managers until there are three: swarm join-token manager, or swarm node promote <node>');
}

function registerTokens(program: Command): void {
  program
    .command('join-token <role>')
    .description('show the command by which a worker or manager joins')
    .option('-q, --quiet', 'only the token')
    .option('--rotate', 'make a new token; the old one no longer works')
    .action(
      action<{ quiet?: boolean; rotate?: boolean }>(async ({ connection, options, args }) => {
        const role = args[0] === 'manager' ? 'manager' : args[0] === 'worker' ? 'worker' : undefined;
        if (role === undefined) {
          throw new SwarmError('invalid_argument', `"${args[0] ?? ''}" is no role; use worker or manager`);
        }
        const tokens =
          options.rotate === true
            ? await connection.client.call('rotateJoinToken', { body: { role } })
            : await connection.client.call('getJoinTokens', {});
        if (options.quiet === true) {
          console.log(tokens[role]);
          return;
        }
        const { members } = await connection.client.call('getRaft', {});
        const address =
          members.find(({ isLeader }) => isLeader)?.addr ?? members[0]?.addr ?? '<manager>:2377';
        console.log(`To add a ${role}, run there:\n\n    swarm join --token ${tokens[role]} ${address}\n`);
        if (role === 'manager' && members.length === 1) {
          console.log(
            'Add two, not one: with two managers the loss of either stops every change. Three bear the loss of one.',
          );
        }
      }),
    );
  program
    .command('ca')
    .description("show the cluster's root certificate")
    .option('--fingerprint', 'only its SHA-256')
    .action(
      action<{ fingerprint?: boolean }>(async ({ connection, options }) => {
        const { ca } = await connection.client.call('getCluster', {});
        process.stdout.write(options.fingerprint === true ? `${ca.fingerprint}\n` : ca.certificatePem);
      }),
    );
  program
    .command('info')
    .description('what this host is: node, role, cluster')
    .option('--format <form>', 'text or json', 'text')
    .action(
      action<{ format: string }>(async ({ connection, options }) => {
        const info = await hostInfo(connection);
        if (options.format === 'json') {
          printJson(info);
        } else {
          console.log(renderInfo(info));
        }
      }),
    );
}

/** A line a fact; what a host outside of any cluster has not is left out. */
export function renderInfo(info: HostInfo): string {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Host', info.hostname],
    ['Version', info.version],
    ['Cluster', info.state],
    ['Role', info.role],
    ['Node', info.nodeId],
    ['Address', info.nodeAddr],
    ['Managers', (info.managers ?? []).map(({ addr }) => addr).join(', ')],
    ['Error', info.error],
  ];
  return facts
    .flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : `${`${name}:`.padEnd(10)}${value}`,
    )
    .join('\n');
}

/** The one address of this host that is not loopback. */
function onlyAddress(): string {
  const found = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
  const [address] = found;
  if (address === undefined || found.length > 1) {
    const seen = found.length === 0 ? 'none was found' : `there are several: ${found.join(', ')}`;
    throw new SwarmError(
      'invalid_argument',
      `give --advertise-addr, the address other hosts reach this one by (${seen})`,
    );
  }
  return address;
}
