import { SwarmError } from '@skep/kernel';
import type { Node, NodeRole } from '@skep/model';
import type { WriteTx } from '@skep/store';
import type { AgentMessage } from '@skep/wire';

export type Hello = Extract<AgentMessage, { t: 'hello' }>;

/**
 * Writes what a node says of itself when it opens a session, and raises its epoch, so that reports of an earlier
 * session are known as such. Answers the new epoch.
 * @throws SwarmError `not_found` when the node was removed from the cluster.
 */
export function registerNode(
  tx: WriteTx,
  options: { readonly nodeId: string; readonly hello: Hello; readonly remoteAddress: string },
): number {
  const { nodeId, hello, remoteAddress } = options;
  const node = tx.get('node', nodeId);
  if (node === undefined) {
    throw new SwarmError('not_found', `node ${nodeId} is not part of this cluster`);
  }
  const sessionEpoch = (node.sessionEpoch ?? 0) + 1;
  const addr = hello.advertiseAddr ?? remoteAddress;
  const wasReady = node.status.state === 'ready';
  tx.patch('node', nodeId, {
    description: hello.description,
    status: {
      state: 'ready',
      addr,
      sinceMs: wasReady ? (node.status.sinceMs ?? tx.nowMs) : tx.nowMs,
    },
    dataPathAddr: hello.dataPathAddr === addr ? undefined : hello.dataPathAddr,
    sessionEpoch,
  });
  if (!wasReady) {
    tx.record({
      type: 'event',
      atMs: tx.nowMs,
      action: 'node.ready',
      severity: 'info',
      target: { kind: 'node', id: nodeId, name: hello.description.hostname },
      message: `Node ${hello.description.hostname} is ready`,
    });
  }
  return sessionEpoch;
}

/**
 * The role a node's certificate should carry now. A demoted manager keeps its certificate until it is out of the Raft
 * group, so that it can be taken out in good order.
 */
export function wantedRole(node: Node): NodeRole {
  return node.spec.role === 'worker' && node.manager !== undefined ? 'manager' : node.spec.role;
}
