import { resolveNode, type ReadTx } from '@skep/controlplane';
import type { Node } from '@skep/model';

/** A node by id, name or host name; `self` is the node that answers. @throws SwarmError `not_found`. */
export function findNode(tx: ReadTx, ref: string, selfId: string): Node {
  return resolveNode(tx, ref === 'self' ? selfId : ref);
}

/** The name people call a node by. */
export function nodeName(node: Node): string {
  const name = node.spec.name ?? '';
  return name === '' ? (node.description?.hostname ?? node.id) : name;
}
