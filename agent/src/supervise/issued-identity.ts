import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

/** The part of the manager's answer to a bootstrap that this node takes over. */
const IssuedIdentity = z.object({
  nodeId: z.string(),
  clusterId: z.string(),
  certificatePem: z.string(),
  caPem: z.string(),
  isCommitted: z.boolean(),
});
export type IssuedIdentity = z.infer<typeof IssuedIdentity>;

/** What the manager of a new cluster has issued to this node; undefined until the cluster exists. */
export function readIssuedIdentity(raftDir: string): IssuedIdentity | undefined {
  const path = join(raftDir, 'identity.json');
  if (!existsSync(path)) {
    return undefined;
  }
  const parsed = IssuedIdentity.parse(JSON.parse(readFileSync(path, 'utf8')));
  return parsed.isCommitted ? parsed : undefined;
}
