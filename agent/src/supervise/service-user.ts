import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { SwarmError, errorMessage } from '@skep/kernel';

export interface ServiceUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * An unprivileged user, made as a system user when it does not exist (PostgreSQL refuses to run without an entry in
 * /etc/passwd). `purpose` ends the sentence of an error.
 */
export function ensureServiceUser(name: string, purpose: string): ServiceUser {
  const existing = findUser(name);
  if (existing !== undefined) {
    return existing;
  }
  try {
    execFileSync(
      'useradd',
      [
        '--system',
        '--user-group',
        '--no-create-home',
        '--home-dir',
        '/nonexistent',
        '--shell',
        '/usr/sbin/nologin',
        name,
      ],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
  } catch (error) {
    const raced = findUser(name); // Several swarmds may start at once.
    if (raced !== undefined) {
      return raced;
    }
    throw new SwarmError(
      'failed_precondition',
      `cannot make the user ${name} ${purpose}: ${errorMessage(error)}`,
      { cause: error },
    );
  }
  const made = findUser(name);
  if (made === undefined) {
    throw new SwarmError('failed_precondition', `the user ${name} was made, but is not in /etc/passwd`);
  }
  return made;
}

function findUser(name: string): ServiceUser | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined || gid === undefined ? undefined : { name, uid: Number(uid), gid: Number(gid) };
}
