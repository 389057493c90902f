import type { Task } from '@skep/model';
import type {
  AssignmentChange,
  Assignments,
  WireEndpoint,
  WireNetwork,
  WirePayload,
  WirePeer,
  WireService,
} from '@skep/wire';

/** Everything the managers have told this node, by kind and id. */
export interface AssignmentState {
  readonly tasks: Map<string, Task>;
  readonly secrets: Map<string, WirePayload>;
  readonly configs: Map<string, WirePayload>;
  readonly networks: Map<string, WireNetwork>;
  readonly peers: Map<string, WirePeer>;
  readonly services: Map<string, WireService>;
  readonly endpoints: Map<string, WireEndpoint>;
}

/** What a step of assignments made different. */
export interface AssignmentDelta {
  /** Tasks that are new or changed. */
  readonly changedTaskIds: ReadonlySet<string>;
  readonly removedTaskIds: ReadonlySet<string>;
  readonly hasPayloadChange: boolean;
  readonly hasNetworkChange: boolean;
}

export function emptyAssignmentState(): AssignmentState {
  return {
    tasks: new Map(),
    secrets: new Map(),
    configs: new Map(),
    networks: new Map(),
    peers: new Map(),
    services: new Map(),
    endpoints: new Map(),
  };
}

function tableOf(state: AssignmentState, kind: AssignmentChange['kind']): Map<string, unknown> {
  switch (kind) {
    case 'task':
      return state.tasks;
    case 'secret':
      return state.secrets;
    case 'config':
      return state.configs;
    case 'network':
      return state.networks;
    case 'peer':
      return state.peers;
    case 'service':
      return state.services;
    case 'endpoint':
      return state.endpoints;
  }
}

/** What a complete step leaves out is gone: the removals it stands for. */
function impliedRemovals(state: AssignmentState, changes: readonly AssignmentChange[]): AssignmentChange[] {
  const named = new Set(changes.map(({ kind, id }) => `${kind}:${id}`));
  const kinds = ['task', 'secret', 'config', 'network', 'peer', 'service', 'endpoint'] as const;
  return kinds.flatMap((kind) =>
    [...tableOf(state, kind).keys()]
      .filter((id) => !named.has(`${kind}:${id}`))
      .map((id): AssignmentChange => ({ op: 'remove', kind, id })),
  );
}

/** Applies a step to the state in place and says what it changed. The caller has checked that it follows on. */
export function applyAssignments(state: AssignmentState, step: Assignments): AssignmentDelta {
  const changes =
    step.mode === 'complete' ? [...step.changes, ...impliedRemovals(state, step.changes)] : step.changes;
  const changedTaskIds = new Set<string>();
  const removedTaskIds = new Set<string>();
  let hasPayloadChange = false;
  let hasNetworkChange = false;
  for (const change of changes) {
    const table = tableOf(state, change.kind);
    if (change.op === 'put') {
      table.set(change.id, change.value);
    } else if (!table.delete(change.id)) {
      continue;
    }
    switch (change.kind) {
      case 'task':
        (change.op === 'put' ? changedTaskIds : removedTaskIds).add(change.id);
        (change.op === 'put' ? removedTaskIds : changedTaskIds).delete(change.id);
        break;
      case 'secret':
      case 'config':
        hasPayloadChange = true;
        break;
      default:
        hasNetworkChange = true;
    }
  }
  return { changedTaskIds, removedTaskIds, hasPayloadChange, hasNetworkChange };
}

/** Whether a step may be applied on top of what this node holds; if not, it asks for a complete one. */
export function followsOn(step: Assignments, holds: string | undefined): boolean {
  return step.mode === 'complete' || (step.appliesTo !== undefined && step.appliesTo === holds);
}
