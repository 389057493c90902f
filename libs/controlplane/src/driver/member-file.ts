import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { SwarmError } from '@skep/kernel';

import { writeFileDurably } from '../wal/durable-file.ts';

const FILE_NAME = 'member.json';

const memberFileSchema = z.strictObject({
  version: z.literal(1),
  raftId: z.int().positive(),
  nodeId: z.string(),
  clusterId: z.string(),
  /** Whom to talk to before the log says who is in the group. */
  peers: z.array(z.strictObject({ raftId: z.int().positive(), nodeId: z.string(), addr: z.string() })),
});

/** Who this member is in its group; written once, before it takes part. */
export type MemberFile = z.infer<typeof memberFileSchema>;

/** @throws SwarmError `data_loss` when the file is damaged. */
export function readMemberFile(dataDir: string): MemberFile | undefined {
  const path = join(dataDir, FILE_NAME);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
  const parsed = memberFileSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new SwarmError(
      'data_loss',
      `${path} is damaged; put back a copy, or remove this manager and join again`,
    );
  }
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function writeMemberFile(dataDir: string, file: MemberFile): void {
  writeFileDurably(join(dataDir, FILE_NAME), [Buffer.from(`${JSON.stringify(file, null, 2)}\n`)]);
}
