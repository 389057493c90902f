import type { Node } from '@skep/model';

/** Address of a node without its port. */
export function addressOfNode(node: Node): string {
  const { addr } = node.status;
  const colon = addr.lastIndexOf(':');
  const isPort = colon !== -1 && /^\d+$/.test(addr.slice(colon + 1)) && addr.indexOf(':') === colon;
  return isPort ? addr.slice(0, colon) : addr;
}
