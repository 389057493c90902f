import type { StreamOp, StreamRows, StreamTopic, TaskRow } from '@skep/contract';
import type { Kind, ObjectOf, StoreEvent } from '@skep/controlplane';

import { toClusterView, toConfigView, toSecretView } from '../http/views.ts';

type Row = Readonly<Record<string, unknown>>;

/** Kinds of the store that are shown on the stream, with their topic. Users, tokens and sessions are not. */
export const TOPIC_OF_KIND: Readonly<Partial<Record<Kind, StreamTopic>>> = {
  cluster: 'cluster',
  node: 'nodes',
  service: 'services',
  task: 'tasks',
  stack: 'stacks',
  network: 'networks',
  secret: 'secrets',
  config: 'configs',
};

export const KIND_OF_TOPIC = {
  cluster: 'cluster',
  nodes: 'node',
  services: 'service',
  tasks: 'task',
  stacks: 'stack',
  networks: 'network',
  secrets: 'secret',
  configs: 'config',
} as const satisfies Readonly<Record<StreamTopic, Kind>>;

const TO_ROW = {
  cluster: (object: ObjectOf['cluster']): StreamRows['cluster'] => toClusterView(object),
  node: (object: ObjectOf['node']): StreamRows['nodes'] => object,
  service: (object: ObjectOf['service']): StreamRows['services'] => object,
  task: toTaskRow,
  stack: ({ source: _s, variables: _v, ...row }: ObjectOf['stack']): StreamRows['stacks'] => row,
  network: (object: ObjectOf['network']): StreamRows['networks'] => object,
  secret: (object: ObjectOf['secret']): StreamRows['secrets'] => toSecretView(object),
  config: (object: ObjectOf['config']): StreamRows['configs'] => toConfigView(object),
} as const;

function toTaskRow(task: ObjectOf['task']): TaskRow {
  const { spec, assignedGenericResources: _resources, requestId: _requestId, ...row } = task;
  return { ...row, image: spec.container.image };
}

/** The row of a stored object, with nothing that must not leave the managers. */
export function toRow(kind: keyof typeof TO_ROW, object: ObjectOf[Kind]): Row {
  return TO_ROW[kind](object as never) as unknown as Row;
}

/**
 * What a store event means for readers of the stream; undefined for kinds they do not see. An update names only the
 * columns that changed, with null for those that are gone.
 */
export function toOp(event: StoreEvent): StreamOp | undefined {
  const topic = TOPIC_OF_KIND[event.kind];
  if (topic === undefined) {
    return undefined;
  }
  const kind = KIND_OF_TOPIC[topic];
  if (event.new === undefined) {
    return [topic, '-', event.id];
  }
  const after = toRow(kind, event.new);
  if (event.old === undefined) {
    return [topic, '+', event.id, after];
  }
  return [topic, '~', event.id, changedColumns(toRow(kind, event.old), after)];
}

function changedColumns(before: Row, after: Row): Row {
  const changed: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    // Stored objects are immutable: what did not change is the same object.
    if (before[key] !== after[key] && JSON.stringify(before[key]) !== JSON.stringify(after[key])) {
      changed[key] = after[key] ?? null;
    }
  }
  return changed;
}
