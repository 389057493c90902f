import { join } from 'node:path';

import { startFakeManager } from './server.ts';

/** `npm run dev:fake -- <scenario> [port]`: the built console on a cluster that exists only in memory. */
const [scenario = 'calm', port = '4400'] = process.argv.slice(2);
const manager = await startFakeManager({
  scenario,
  port: Number(port),
  root: join(import.meta.dirname, '../../out'),
});
process.stdout.write(`${manager.url} plays "${scenario}"; sign in as admin with: correct horse battery\n`);
