import { SwarmError } from '@skep/kernel';
import type { Node, NodeSpec } from '@skep/model';
import type { ReadTx, WriteTx } from '@skep/store';

import { assertVersion } from './env.ts';
import { resolveNode } from './resolve.ts';

export interface UpdateNodeInput {
  /** Id, host name, or beginning of the id. */
  readonly node: string;
  readonly spec: NodeSpec;
  readonly version?: number;
}

/**
 * Replaces the spec of a node: labels, availability, wanted role. The quorum check needs Raft and is the control
 * plane's; what can be told from the store is checked here.
 * @throws SwarmError `failed_precondition` "attempting to demote the last manager of the swarm".
 */
export function updateNode(tx: WriteTx, input: UpdateNodeInput): Node {
  const node = resolveNode(tx, input.node);
  assertVersion(node, input.version);
  if (node.spec.role === 'manager' && input.spec.role === 'worker') {
    assertNotLastManager(tx, node.id);
  }
  return tx.update('node', { ...node, spec: input.spec });
}

function assertNotLastManager(tx: ReadTx, nodeId: string): void {
  const others = tx.list('node').filter((node) => node.spec.role === 'manager' && node.id !== nodeId);
  if (others.length === 0) {
    throw new SwarmError('failed_precondition', 'attempting to demote the last manager of the swarm');
  }
}

export interface RemoveNodeInput {
  readonly node: string;
  /** Removes it although it answers. */
  readonly force?: boolean;
}

/**
 * Removes a node that is down. Its tasks are given up and replaced by themselves.
 * @throws SwarmError `failed_precondition` when it answers and `force` is not set, or while it is a Raft member.
 */
export function removeNode(tx: WriteTx, input: RemoveNodeInput): Node {
  const node = resolveNode(tx, input.node);
  if (node.manager !== undefined) {
    throw new SwarmError(
      'failed_precondition',
      `node ${node.id} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal`,
    );
  }
  if (input.force !== true && node.status.state !== 'down') {
    throw new SwarmError('failed_precondition', `node ${node.id} is not down and can't be removed`);
  }
  tx.remove('node', node.id, { version: node.version });
  return node;
}
