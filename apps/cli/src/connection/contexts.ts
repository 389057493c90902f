import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

import { SwarmError } from '@skep/kernel';

export interface Context {
  readonly host: string;
  readonly token?: string;
  readonly caPem?: string;
  readonly description?: string;
}

export interface ContextFile {
  readonly current: string;
  readonly contexts: Readonly<Record<string, Context>>;
}

/** The context that is always there: the socket of this host. */
export const DEFAULT_CONTEXT = 'default';

function contextPath(): string {
  const base = process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config');
  return join(base, 'skep', 'contexts.json');
}

/** @throws SwarmError `data_loss` when the file is there but damaged. */
export function readContexts(): ContextFile {
  const path = contextPath();
  if (!existsSync(path)) {
    return { current: DEFAULT_CONTEXT, contexts: {} };
  }
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ContextFile;
  } catch (error) {
    throw new SwarmError('data_loss', `${path} is not valid JSON; mend it or remove it`, { cause: error });
  }
}

/** Writes the contexts; only their owner may read them, for they hold tokens. */
export function writeContexts(file: ContextFile): void {
  const path = contextPath();
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  chmodSync(`${path}.new`, 0o600);
  renameSync(`${path}.new`, path);
}
