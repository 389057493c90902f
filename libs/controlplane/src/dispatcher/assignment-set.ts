import type { Task } from '@skep/model';
import type { AssignmentChange, AssignmentKind } from '@skep/wire';

import type { ChangedObject, ClusterView } from './cluster-view.ts';
import {
  endpointId,
  isAssigned,
  isLive,
  networkIdsOf,
  toWireEndpoint,
  toWireNetwork,
  toWirePeer,
  toWireService,
} from './wire-objects.ts';

/** Order in which changes are sent: what a task needs comes before it. */
const PUT_ORDER: readonly AssignmentKind[] = [
  'secret',
  'config',
  'network',
  'peer',
  'service',
  'endpoint',
  'task',
];

/** What the tasks of a node make it take part in. */
interface NodeScope {
  readonly networkIds: ReadonlySet<string>;
  readonly secretIds: ReadonlySet<string>;
  readonly configIds: ReadonlySet<string>;
}

type Key = `${AssignmentKind}:${string}`;
type Wanted = Extract<AssignmentChange, { op: 'put' }>;

/** A put together with a short text that differs when the node has to be told anew. */
interface WantedObject {
  readonly change: Wanted;
  readonly fingerprint: string;
}

const keyOf = (kind: AssignmentKind, id: string): Key => `${kind}:${id}`;

function splitKey(key: Key): { kind: AssignmentKind; id: string } {
  const colon = key.indexOf(':');
  return { kind: key.slice(0, colon) as AssignmentKind, id: key.slice(colon + 1) };
}

function scopeOf(view: ClusterView, nodeId: string): NodeScope {
  const networkIds = new Set<string>();
  const secretIds = new Set<string>();
  const configIds = new Set<string>();
  for (const network of view.networks.all()) {
    if (network.spec.ingress === true) {
      networkIds.add(network.id);
    }
  }
  for (const task of view.tasks.onNode(nodeId)) {
    if (!isLive(task)) {
      continue;
    }
    networkIdsOf(task).forEach((id) => networkIds.add(id));
    task.spec.container.secrets?.forEach(({ secretId }) => secretIds.add(secretId));
    task.spec.container.configs?.forEach(({ configId }) => configIds.add(configId));
  }
  return { networkIds, secretIds, configIds };
}

/** An agent's own reports come back in `status`; only what the control plane decides makes it news. */
function taskFingerprint(task: Task): string {
  const networks = task.networks.map(({ networkId, addresses }) => `${networkId}=${addresses.join(',')}`);
  return `${task.desiredState}|${String(task.specVersion)}|${String(task.startAfterMs ?? 0)}|${networks.join(';')}`;
}

/**
 * What one node has been told, and how that differs from what it should know. Pure: the state is the view it is given.
 * `complete` starts anew; `incremental` looks only at what changed, and gives what `complete` would have added.
 */
export class AssignmentSet {
  readonly nodeId: string;
  readonly #fingerprints = new Map<Key, string>();
  #scope: NodeScope = { networkIds: new Set(), secretIds: new Set(), configIds: new Set() };

  constructor(nodeId: string) {
    this.nodeId = nodeId;
  }

  /** Everything the node must know, as puts. */
  complete(view: ClusterView): AssignmentChange[] {
    this.#fingerprints.clear();
    this.#scope = scopeOf(view, this.nodeId);
    const keys = new Set<Key>();
    for (const task of view.tasks.onNode(this.nodeId)) {
      keys.add(keyOf('task', task.id));
    }
    for (const node of view.nodes.all()) {
      keys.add(keyOf('peer', node.id));
    }
    for (const service of view.services.all()) {
      keys.add(keyOf('service', service.id));
    }
    this.#addScopeKeys(view, this.#scope, keys);
    return this.#changes(view, keys);
  }

  /** What has to be told after the given objects changed. */
  incremental(view: ClusterView, changed: readonly ChangedObject[]): AssignmentChange[] {
    const keys = new Set<Key>();
    let isScopeStale = false;
    for (const object of changed) {
      isScopeStale = this.#addKeysOf(view, object, keys) || isScopeStale;
    }
    if (isScopeStale) {
      this.#moveScope(view, keys);
    }
    return keys.size === 0 ? [] : this.#changes(view, keys);
  }

  /** Adds the keys that depend on an object; true when the node's scope may have changed. */
  #addKeysOf(view: ClusterView, object: ChangedObject, keys: Set<Key>): boolean {
    switch (object.kind) {
      case 'task': {
        const task = view.tasks.get(object.id);
        const isOwn = task?.nodeId === this.nodeId || this.#fingerprints.has(keyOf('task', object.id));
        if (isOwn) {
          keys.add(keyOf('task', object.id));
        }
        const networkIds = [
          ...(task === undefined ? [] : networkIdsOf(task)),
          ...(object.formerNetworkIds ?? []),
        ];
        for (const networkId of networkIds) {
          if (this.#scope.networkIds.has(networkId)) {
            keys.add(keyOf('endpoint', endpointId(object.id, networkId)));
          }
        }
        return isOwn;
      }
      case 'network':
        keys.add(keyOf('network', object.id));
        return view.networks.get(object.id)?.spec.ingress === true || this.#scope.networkIds.has(object.id);
      case 'node':
        keys.add(keyOf('peer', object.id));
        return false;
      case 'service':
      case 'secret':
      case 'config':
        keys.add(keyOf(object.kind, object.id));
        return false;
    }
  }

  #moveScope(view: ClusterView, keys: Set<Key>): void {
    const before = this.#scope;
    const after = scopeOf(view, this.nodeId);
    this.#scope = after;
    const entered = (now: ReadonlySet<string>, then: ReadonlySet<string>): Set<string> =>
      new Set([...now].filter((id) => !then.has(id)));
    for (const scope of [
      {
        networkIds: entered(after.networkIds, before.networkIds),
        secretIds: entered(after.secretIds, before.secretIds),
        configIds: entered(after.configIds, before.configIds),
      },
      {
        networkIds: entered(before.networkIds, after.networkIds),
        secretIds: entered(before.secretIds, after.secretIds),
        configIds: entered(before.configIds, after.configIds),
      },
    ]) {
      this.#addScopeKeys(view, scope, keys);
      if (scope.networkIds.size > 0) {
        for (const service of view.services.all()) {
          keys.add(keyOf('service', service.id));
        }
      }
    }
  }

  #addScopeKeys(view: ClusterView, scope: NodeScope, keys: Set<Key>): void {
    scope.secretIds.forEach((id) => keys.add(keyOf('secret', id)));
    scope.configIds.forEach((id) => keys.add(keyOf('config', id)));
    for (const networkId of scope.networkIds) {
      keys.add(keyOf('network', networkId));
      for (const taskId of view.taskIdsOnNetwork(networkId)) {
        keys.add(keyOf('endpoint', endpointId(taskId, networkId)));
      }
      // Endpoints of tasks that are gone from the view are known only by what was sent.
      for (const known of this.#fingerprints.keys()) {
        if (known.startsWith('endpoint:') && known.endsWith(`/${networkId}`)) {
          keys.add(known);
        }
      }
    }
  }

  #changes(view: ClusterView, keys: ReadonlySet<Key>): AssignmentChange[] {
    const puts: Wanted[] = [];
    const removals: AssignmentChange[] = [];
    for (const key of keys) {
      const wanted = this.#wanted(view, key);
      const known = this.#fingerprints.get(key);
      if (wanted === undefined) {
        if (known !== undefined) {
          this.#fingerprints.delete(key);
          removals.push({ op: 'remove', ...splitKey(key) });
        }
      } else if (wanted.fingerprint !== known) {
        this.#fingerprints.set(key, wanted.fingerprint);
        puts.push(wanted.change);
      }
    }
    puts.sort((a, b) => PUT_ORDER.indexOf(a.kind) - PUT_ORDER.indexOf(b.kind));
    removals.sort((a, b) => PUT_ORDER.indexOf(b.kind) - PUT_ORDER.indexOf(a.kind));
    return [...puts, ...removals];
  }

  #wanted(view: ClusterView, key: Key): WantedObject | undefined {
    const { kind, id } = splitKey(key);
    switch (kind) {
      case 'task':
        return this.#wantedTask(view, id);
      case 'secret':
      case 'config':
        return this.#wantedPayload(view, kind, id);
      case 'network': {
        const network = this.#scope.networkIds.has(id) ? view.networks.get(id) : undefined;
        const value = network === undefined ? undefined : toWireNetwork(network);
        return value === undefined ? undefined : wanted({ op: 'put', kind, id, value });
      }
      case 'peer': {
        const node = id === this.nodeId ? undefined : view.nodes.get(id);
        const value = node === undefined ? undefined : toWirePeer(node);
        return value === undefined ? undefined : wanted({ op: 'put', kind, id, value });
      }
      case 'service': {
        const service = view.services.get(id);
        const value = service === undefined ? undefined : toWireService(service, this.#scope.networkIds);
        return value === undefined ? undefined : wanted({ op: 'put', kind, id, value });
      }
      case 'endpoint':
        return this.#wantedEndpoint(view, id);
    }
  }

  #wantedTask(view: ClusterView, id: string): WantedObject | undefined {
    const task = view.tasks.get(id);
    if (task?.nodeId !== this.nodeId || !isAssigned(task)) {
      return undefined;
    }
    return { change: { op: 'put', kind: 'task', id, value: task }, fingerprint: taskFingerprint(task) };
  }

  #wantedPayload(view: ClusterView, kind: 'secret' | 'config', id: string): WantedObject | undefined {
    const isUsed = (kind === 'secret' ? this.#scope.secretIds : this.#scope.configIds).has(id);
    const object = kind === 'secret' ? view.secrets.get(id) : view.configs.get(id);
    if (!isUsed || object === undefined) {
      return undefined;
    }
    const value = { id, name: object.spec.name, data: object.data };
    return { change: { op: 'put', kind, id, value }, fingerprint: String(object.version) };
  }

  #wantedEndpoint(view: ClusterView, id: string): WantedObject | undefined {
    const slash = id.indexOf('/');
    const networkId = id.slice(slash + 1);
    const task = this.#scope.networkIds.has(networkId) ? view.tasks.get(id.slice(0, slash)) : undefined;
    const value = task === undefined ? undefined : toWireEndpoint(task, networkId);
    return value === undefined
      ? undefined
      : {
          change: { op: 'put', kind: 'endpoint', id, value },
          fingerprint: `${value.nodeId}|${value.address}|${String(value.isServing)}|${value.taskName}`,
        };
  }
}

function wanted(change: Wanted): WantedObject {
  return { change, fingerprint: JSON.stringify(change.value) };
}
