import type { Config, Network, Node, Secret, Service, Task } from '@skep/model';

/** The part of the applied state that decides what nodes must know. */
export interface ClusterView {
  readonly tasks: { get(id: string): Task | undefined; onNode(nodeId: string): Iterable<Task> };
  /** Ids of the tasks that have an address on a network. */
  readonly taskIdsOnNetwork: (networkId: string) => Iterable<string>;
  readonly services: { get(id: string): Service | undefined; all(): Iterable<Service> };
  readonly networks: { get(id: string): Network | undefined; all(): Iterable<Network> };
  readonly nodes: { get(id: string): Node | undefined; all(): Iterable<Node> };
  readonly secrets: { get(id: string): Secret | undefined };
  readonly configs: { get(id: string): Config | undefined };
}

/** One changed object, by kind and id; what it changed to is read from the view. */
export interface ChangedObject {
  readonly kind: 'task' | 'service' | 'network' | 'node' | 'secret' | 'config';
  readonly id: string;
  /** Networks a task had an address on before the change, when it had. */
  readonly formerNetworkIds?: readonly string[];
}
