import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

import { SwarmError, errorMessage } from '@skep/kernel';
import type { IdMap } from '@skep/oci';

import {
  DEFAULT_REMAP_USER,
  nextFreeRange,
  resolveIdMap,
  type AccountFiles,
} from '../engine/subordinate-ids.ts';
import { ensureServiceUser } from './service-user.ts';

/**
 * The id map that the flag `--userns-remap` asks for. For `default` the user and its ids are made when they are not
 * there, as Docker does.
 * @throws SwarmError `invalid_argument` naming the flag, the reason and the remedy.
 */
export function readUserRemapping(flag: string): IdMap {
  if (flag === 'default') {
    ensureDefaultUser();
  }
  const resolved = resolveIdMap(flag, readAccountFiles());
  if (!resolved.ok) {
    throw resolved.error;
  }
  return resolved.value;
}

function readAccountFiles(): AccountFiles {
  const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  return {
    passwd: read('/etc/passwd'),
    group: read('/etc/group'),
    subuid: read('/etc/subuid'),
    subgid: read('/etc/subgid'),
  };
}

/** Makes the user of `default`, and gives it ids that nobody has. usermod(8) locks the files against others. */
function ensureDefaultUser(): void {
  ensureServiceUser(DEFAULT_REMAP_USER, 'whose ids --userns-remap default takes');
  const files = readAccountFiles();
  const { first, last } = nextFreeRange(files);
  const range = `${String(first)}-${String(last)}`;
  const has = (file: string): boolean =>
    file.split('\n').some((line) => line.startsWith(`${DEFAULT_REMAP_USER}:`));
  const flags = [
    ...(has(files.subuid) ? [] : ['--add-subuids', range]),
    ...(has(files.subgid) ? [] : ['--add-subgids', range]),
  ];
  if (flags.length === 0) {
    return;
  }
  try {
    execFileSync('usermod', [...flags, DEFAULT_REMAP_USER], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    throw new SwarmError(
      'failed_precondition',
      `--userns-remap "default": cannot give ${DEFAULT_REMAP_USER} subordinate ids (${errorMessage(error)}): ` +
        `add the line ${DEFAULT_REMAP_USER}:${String(first)}:${String(last - first + 1)} to /etc/subuid and /etc/subgid`,
      { cause: error },
    );
  }
}
