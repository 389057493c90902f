import { randomBytes } from 'node:crypto';

import { removeNode, resolveNode, setJoinTokens, theCluster, updateNode } from '@skep/orchestrator';
import type { WriteTx } from '@skep/store';

import { newJoinToken } from './ca/join-token.ts';
import type { ControlPlane, UpdateContext, UpdateResult } from './control-plane-api.ts';
import type { RaftHandle } from './driver/raft-handle.ts';
import { assertRemovable } from './membership.ts';

/** Changes of nodes that need to know the Raft group as well as the store. */
export class NodeAdmin {
  readonly #nodeId: string;
  readonly #raft: Pick<RaftHandle, 'status' | 'changeMembership'>;
  readonly #cluster: Pick<ControlPlane, 'view' | 'update'>;

  constructor(parts: {
    readonly nodeId: string;
    readonly raft: Pick<RaftHandle, 'status' | 'changeMembership'>;
    readonly cluster: Pick<ControlPlane, 'view' | 'update'>;
  }) {
    this.#nodeId = parts.nodeId;
    this.#raft = parts.raft;
    this.#cluster = parts.cluster;
  }

  promote(context: UpdateContext<void>, nodeId: string): Promise<UpdateResult<void>> {
    return this.#cluster.update(context, (tx) => {
      const node = resolveNode(tx, nodeId);
      updateNode(tx, { node: node.id, spec: { ...node.spec, role: 'manager' } });
    });
  }

  demote(context: UpdateContext<void>, nodeId: string): Promise<UpdateResult<void>> {
    return this.#cluster.update(context, (tx) => {
      const node = resolveNode(tx, nodeId);
      assertRemovable(this.#raft.status().members, node.id);
      updateNode(tx, { node: node.id, spec: { ...node.spec, role: 'worker' } });
    });
  }

  async remove(
    context: UpdateContext<void>,
    nodeId: string,
    options: { readonly force?: boolean },
  ): Promise<UpdateResult<void>> {
    const node = this.#cluster.view((tx) => resolveNode(tx, nodeId));
    if (options.force === true && node.manager !== undefined && node.id !== this.#nodeId) {
      assertRemovable(this.#raft.status().members, node.id);
      await this.#raft.changeMembership({ kind: 'remove', nodeId: node.id });
      await this.#cluster.update({ actor: context.actor, requestId: context.requestId }, (tx) =>
        tx.patch('node', node.id, { manager: undefined, spec: { ...node.spec, role: 'worker' } }),
      );
    }
    return this.#cluster.update(context, (tx) => {
      removeNode(tx, { node: nodeId, ...options });
    });
  }
}

/** Writes a new join token for a role and answers it. */
export function rotateToken(tx: WriteTx, role: 'worker' | 'manager'): string {
  const token = newJoinToken(theCluster(tx).ca.certificatePem, (count) => randomBytes(count));
  setJoinTokens(tx, { [role]: token });
  return token;
}
