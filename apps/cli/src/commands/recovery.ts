import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';

import type { Command } from 'commander';

import { SwarmError, errorMessage } from '@skep/kernel';

import type { Connection } from '../connection/connection.ts';
import { action } from '../run.ts';
import { askSecret } from '../secret-input.ts';

interface PassphraseOptions {
  readonly passphraseFile?: string;
}

interface RestoreOptions extends PassphraseOptions {
  readonly advertiseAddr: string;
  readonly listenAddr?: string;
  readonly dataPathAddr?: string;
}

/** `swarm update`, `unlock`, `unlock-key`, `backup`, `restore`. */
export function registerRecovery(program: Command): void {
  registerLock(program);
  registerBackup(program);
}

function registerLock(program: Command): void {
  program
    .command('update')
    .description('change settings of the cluster')
    .requiredOption(
      '--autolock <on>',
      'true: managers need the unlock key after each start; false: they do not',
    )
    .action(
      action<{ autolock: string }>(async ({ connection, options }) => {
        if (options.autolock !== 'true' && options.autolock !== 'false') {
          throw new SwarmError(
            'invalid_argument',
            `--autolock: "${options.autolock}" is neither true nor false`,
          );
        }
        const autoLockManagers = options.autolock === 'true';
        await connection.client.call('patchCluster', { body: { autoLockManagers } });
        console.log('Swarm updated.');
        if (autoLockManagers) {
          await printUnlockKey(connection);
        }
      }),
    );
  program
    .command('unlock-key')
    .description('show the key that locked managers are unlocked with')
    .option('-q, --quiet', 'only the key')
    .option('--rotate', 'make a new key; managers that are down still need the old one')
    .action(
      action<{ quiet?: boolean; rotate?: boolean }>(async ({ connection, options }) => {
        if (options.rotate === true) {
          await connection.client.call('rotateUnlockKey', {});
          if (options.quiet !== true) {
            console.log(
              'The unlock key was replaced. Keep the old one until every manager has been up once.\n',
            );
          }
        }
        await printUnlockKey(connection, options.quiet);
      }),
    );
  program
    .command('unlock')
    .description(
      'unlock the manager of this host, which was started locked; the key is asked for, or read from stdin',
    )
    .action(
      action(async ({ connection }) => {
        await connection.local('POST', '/local/v1/unlock', { key: await askSecret('Unlock key: ') });
      }),
    );
}

async function printUnlockKey(connection: Connection, isQuiet = false): Promise<void> {
  const { unlockKey } = await connection.client.call('getUnlockKey', {});
  if (unlockKey === null) {
    throw new SwarmError(
      'failed_precondition',
      'managers are not locked: there is no unlock key; turn the lock on with: swarm update --autolock=true',
    );
  }
  console.log(
    isQuiet
      ? unlockKey
      : `To unlock a manager after it restarts, run on its host "swarm unlock" and give this key:\n\n    ${unlockKey}\n\n` +
          'Keep it somewhere else: without it a locked manager cannot be started again.',
  );
}

function registerBackup(program: Command): void {
  program
    .command('backup <file>')
    .description(
      'save the whole state of the cluster, secrets and keys too, in a file sealed with a passphrase',
    )
    .option(
      '--passphrase-file <file>',
      'where the passphrase is; it is asked for, or read from stdin, without',
    )
    .action(
      action<PassphraseOptions>(async ({ connection, options, args }) => {
        const [path = ''] = args;
        const passphrase = await readPassphrase(options);
        const { data, sha256, sizeBytes, rev } = await connection.client.call('backupCluster', {
          body: { passphrase },
        });
        const file = Buffer.from(data, 'base64');
        if (createHash('sha256').update(file).digest('hex') !== sha256) {
          throw new SwarmError('data_loss', 'the backup was damaged on its way; make it again');
        }
        try {
          writeFileSync(path, file, { mode: 0o600, flag: 'wx' });
        } catch (error) {
          throw new SwarmError('failed_precondition', `${path} cannot be written: ${errorMessage(error)}`);
        }
        console.log(`Saved the state of index ${String(rev)} in ${path} (${String(sizeBytes)} bytes).`);
      }),
    );
  program
    .command('restore <file>')
    .description('begin the cluster of a backup anew, with this host as its only manager')
    .option(
      '--passphrase-file <file>',
      'where the passphrase is; it is asked for, or read from stdin, without',
    )
    .requiredOption('--advertise-addr <ip>', 'address other hosts reach this one by')
    .option('--listen-addr <ip:port>', 'where the manager port listens (default 0.0.0.0:2377)')
    .option('--data-path-addr <ip>', 'address for traffic between containers, when it is another')
    .action(
      action<RestoreOptions>(async ({ connection, options, args }) => {
        const [path = ''] = args;
        const { passphraseFile: _file, ...where } = options;
        const passphrase = await readPassphrase(options);
        const query = new URLSearchParams({ ...where });
        await connection.localFile(`/local/v1/restore?${query.toString()}`, createReadStream(path), {
          'x-skep-passphrase': Buffer.from(passphrase).toString('base64'),
        });
        console.log('The cluster was restored; this host is its only manager. Next:');
        console.log(
          '  - hosts that are still part of it come back by themselves when this host has the address of a',
        );
        console.log(
          '    manager they know; on others: swarm leave --force, then join again (swarm join-token worker)',
        );
        console.log('  - add managers until there are three: swarm join-token manager');
      }),
    );
}

async function readPassphrase({ passphraseFile }: PassphraseOptions): Promise<string> {
  if (passphraseFile === undefined) {
    return askSecret('Passphrase: ');
  }
  try {
    return readFileSync(passphraseFile, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new SwarmError('invalid_argument', `--passphrase-file: ${errorMessage(error)}`);
  }
}
