import type { ConstraintSubject, GenericResource, Node } from '@skep/model';

import { constraintSubject } from '../node-fitness.ts';
import type { Usage } from './demand.ts';
import { GenericPool } from './generic-resources.ts';

/** Failures older than this are forgotten, and this many within it make a node a last choice (Swarm's values). */
export const FAILURE_WINDOW_MS = 5 * 60_000;
export const FAILURES_MAX = 5;

/** What the scheduler knows of a node: its facts, what is free on it, and what runs there. */
export class NodeInfo {
  readonly id: string;
  node: Node;
  subject: ConstraintSubject;
  freeNanoCpus = 0;
  freeMemoryBytes = 0;
  generic: GenericPool;
  /** Tasks wanted on the node. */
  taskCount = 0;
  readonly #countByService = new Map<string, number>();
  /** `tcp/8080` -> service ids of the tasks that bind it. */
  readonly #hostPorts = new Map<string, string[]>();
  readonly #failures = new Map<string, number[]>();

  constructor(node: Node) {
    this.id = node.id;
    this.node = node;
    this.subject = constraintSubject(node);
    this.generic = new GenericPool(node.description?.resources.generic);
    this.freeNanoCpus = node.description?.resources.nanoCpus ?? 0;
    this.freeMemoryBytes = node.description?.resources.memoryBytes ?? 0;
  }

  get isReady(): boolean {
    return this.node.status.state === 'ready' && this.node.spec.availability === 'active';
  }

  /** Takes new facts about the node; what tasks hold stays held. */
  update(node: Node): void {
    const [before, after] = [this.node.description?.resources, node.description?.resources];
    this.freeNanoCpus += (after?.nanoCpus ?? 0) - (before?.nanoCpus ?? 0);
    this.freeMemoryBytes += (after?.memoryBytes ?? 0) - (before?.memoryBytes ?? 0);
    this.generic.hold(before?.generic);
    this.generic.release(after?.generic);
    this.node = node;
    this.subject = constraintSubject(node);
  }

  countOf(serviceId: string): number {
    return this.#countByService.get(serviceId) ?? 0;
  }

  /** Service that binds a host port here; undefined when it is free. */
  hostPortUser(port: string): string | undefined {
    return this.#hostPorts.get(port)?.[0];
  }

  /** Counts a task as wanted here (+1), or no longer (-1). */
  count(serviceId: string, step: 1 | -1): void {
    this.taskCount += step;
    const count = this.countOf(serviceId) + step;
    if (count === 0) {
      this.#countByService.delete(serviceId);
    } else {
      this.#countByService.set(serviceId, count);
    }
  }

  hold(serviceId: string, usage: Usage, generic: readonly GenericResource[]): void {
    this.freeNanoCpus -= usage.nanoCpus;
    this.freeMemoryBytes -= usage.memoryBytes;
    this.generic.hold(generic);
    for (const port of usage.hostPorts) {
      this.#hostPorts.set(port, [...(this.#hostPorts.get(port) ?? []), serviceId]);
    }
  }

  release(serviceId: string, usage: Usage, generic: readonly GenericResource[]): void {
    this.freeNanoCpus += usage.nanoCpus;
    this.freeMemoryBytes += usage.memoryBytes;
    this.generic.release(generic);
    for (const port of usage.hostPorts) {
      const users = [...(this.#hostPorts.get(port) ?? [])];
      users.splice(users.indexOf(serviceId), 1);
      if (users.length === 0) {
        this.#hostPorts.delete(port);
      } else {
        this.#hostPorts.set(port, users);
      }
    }
  }

  noteFailure(serviceId: string, atMs: number): void {
    const recent = (this.#failures.get(serviceId) ?? []).filter((time) => atMs - time < FAILURE_WINDOW_MS);
    this.#failures.set(serviceId, [...recent, atMs].slice(-FAILURES_MAX));
  }

  /** Whether tasks of the service failed here so often of late that other nodes are better. */
  hasFailedOften(serviceId: string, nowMs: number): boolean {
    const times = this.#failures.get(serviceId);
    return (
      times !== undefined && times.filter((time) => nowMs - time < FAILURE_WINDOW_MS).length >= FAILURES_MAX
    );
  }
}
