import type { EventView, StreamRows } from '@skep/contract';

/** Rows of the stream, by the names the console uses. */
export type RowTypes = StreamRows;
export type ServiceRow = StreamRows['services'];
export type NodeRow = StreamRows['nodes'];
export type NetworkRow = StreamRows['networks'];
export type SecretRow = StreamRows['secrets'];
export type ConfigRow = StreamRows['configs'];
export type StackRow = StreamRows['stacks'];
export type TaskRow = StreamRows['tasks'];
export type EventRow = EventView;

/** Label by which Docker marks the objects of a stack. */
export const STACK_LABEL = 'com.docker.stack.namespace';

export function stackOf(labels: Readonly<Record<string, string>> | undefined): string | undefined {
  return labels?.[STACK_LABEL];
}

export function nodeName(node: NodeRow): string {
  const name = node.spec.name ?? '';
  return name === '' ? (node.description?.hostname ?? node.id.slice(0, 12)) : name;
}

/** `web.3`; a task of a global service is named after its node. */
export function taskName(task: TaskRow, node: NodeRow | undefined): string {
  if (task.slot > 0) {
    return `${task.serviceName}.${String(task.slot)}`;
  }
  return `${task.serviceName}.${node === undefined ? (task.nodeId ?? task.id).slice(0, 8) : nodeName(node)}`;
}

/** Splits `registry/app:tag@sha256:abc` into what people read and the short digest. */
export function splitImage(image: string): { readonly name: string; readonly digest: string | undefined } {
  const at = image.indexOf('@');
  const name = at < 0 ? image : image.slice(0, at);
  const digest = at < 0 ? undefined : image.slice(at + 1).replace(/^sha256:/, '');
  return { name, digest: digest?.slice(0, 7) };
}
