import fs, { readFileSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { workerData } from 'node:worker_threads';

import type { ThreadData } from '../thread-protocol.ts';

/**
 * The Raft thread on a disk that obeys a file: `full` refuses writes as a full disk does, a number holds each one back
 * for so many milliseconds. The file is beside the member's folder and is looked at before each write.
 */
const { dataDir } = (workerData as ThreadData).options;

function orderOf(): string {
  try {
    return readFileSync(faultFileOf(dataDir), 'utf8');
  } catch {
    return '';
  }
}

function faultFileOf(folder: string): string {
  return `${folder}.disk`;
}

const realWrite = fs.write;
type WriteArguments = [fd: number, buffer: Uint8Array, ...rest: unknown[]];
fs.write = ((...args: WriteArguments) => {
  const order = orderOf();
  if (order === 'full') {
    const callback = args.at(-1) as (error: Error) => void;
    writeFileSync(`${faultFileOf(dataDir)}.seen`, order);
    setImmediate(callback, Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }));
    return;
  }
  setTimeout(() => Reflect.apply(realWrite, fs, args) as unknown, Number(order));
}) as typeof fs.write;
syncBuiltinESMExports();

await import('../raft-thread.ts');
