import { pino } from 'pino';

import { Database } from '../src/history/database.ts';

/** A process that keeps a database until it is killed: `database-child.ts <data dir> <run dir>`. */
const [dataDir = '', runDir = ''] = process.argv.slice(2);
const database = new Database({
  mode: 'embedded',
  url: undefined,
  dataDir,
  runDir,
  ...(process.getuid?.() === 0 ? { runAs: { uid: 65_534, gid: 65_534 } } : {}),
  logger: pino({ level: 'silent' }),
});
await database.start();
process.stdout.write(`${database.reason ?? 'ready'}\n`);
setInterval(() => undefined, 60_000);
