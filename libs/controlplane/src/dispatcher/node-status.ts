import type { EventRecord, TaskStatus } from '@skep/model';
import type { ReadTx, WriteTx } from '@skep/store';

import type { UpdateContext } from '../control-plane-api.ts';

/** Heartbeat period of the cluster. */
export function heartbeatMs(tx: ReadTx): number {
  return Math.max(100, Math.round((tx.cluster()?.spec.dispatcher.heartbeatPeriodNs ?? 1e9) / 1e6));
}

/** Longest text of a report that is kept: many reports must fit into one entry. */
const TEXT_LENGTH_MAX = 2_000;

function shortened(status: TaskStatus): TaskStatus {
  const cut = (text: string): string =>
    text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX)}...`;
  return {
    ...status,
    message: cut(status.message),
    ...(status.err === undefined ? {} : { err: cut(status.err) }),
  };
}

/** A node may only speak for tasks that are its own. */
export function applyReport(tx: WriteTx, nodeId: string, taskId: string, status: TaskStatus): void {
  if (tx.get('task', taskId)?.nodeId === nodeId) {
    tx.setTaskStatus(taskId, shortened(status));
  }
}

/** True when the node was not down before. */
export function markNodeDown(tx: WriteTx, nodeId: string, message: string): boolean {
  const node = tx.get('node', nodeId);
  if (node === undefined || node.status.state === 'down') {
    return false;
  }
  tx.patch('node', nodeId, { status: { ...node.status, state: 'down', message, sinceMs: tx.nowMs } });
  return true;
}

/** The event that tells of it. */
export function downEvent(nodeId: string, message: string): Omit<EventRecord, 'type' | 'atMs'> {
  return {
    action: 'node.down',
    severity: 'error',
    target: { kind: 'node', id: nodeId },
    message: `Node ${nodeId} is down: ${message}`,
  };
}

/** Context of what the control plane does by itself, or (with an actor) for a node. */
export function systemContext<T>(
  ports: { readonly newId: () => string },
  actor: { readonly name: string; readonly from: string } = { name: 'system', from: 'dispatcher' },
): UpdateContext<T> {
  return { actor: { ...actor, via: 'system' }, requestId: ports.newId() };
}
