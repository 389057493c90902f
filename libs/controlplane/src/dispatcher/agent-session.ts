import type { NodeRole } from '@skep/model';
import { encodeFrame, type Assignments, type ManagerAddress, type ManagerMessage } from '@skep/wire';

import type { Channel } from '../transport/channel.ts';
import { AssignmentSet } from './assignment-set.ts';
import type { ChangedObject, ClusterView } from './cluster-view.ts';
import { SessionStreams } from './session-streams.ts';

/** Changes that wait for a slow agent before they are dropped for a complete set. */
const CHANGED_MAX = 50_000;
/** Bytes of secrets and configs in one step; a frame may have 16 MiB in all. */
const STEP_PAYLOAD_BYTES_MAX = 8 * 1024 * 1024;

/** A registered session of one agent on the leader: what it was told, and what it must still be told. */
export class AgentSession {
  readonly nodeId: string;
  readonly sessionId: string;
  readonly epoch: number;
  /** Role that the certificate of this connection carries. */
  readonly certificateRole: NodeRole;
  readonly streams: SessionStreams;
  readonly #channel: Channel;
  readonly #assignments: AssignmentSet;
  #sequence = 0;
  #changed: ChangedObject[] = [];
  #needsComplete = true;
  #isBlocked = false;
  #saidRole: NodeRole;
  #saidManagers = '';

  constructor(options: {
    readonly channel: Channel;
    readonly nodeId: string;
    readonly sessionId: string;
    readonly epoch: number;
    readonly certificateRole: NodeRole;
  }) {
    this.#channel = options.channel;
    this.nodeId = options.nodeId;
    this.sessionId = options.sessionId;
    this.epoch = options.epoch;
    this.certificateRole = options.certificateRole;
    this.#saidRole = options.certificateRole;
    this.#assignments = new AssignmentSet(options.nodeId);
    this.streams = new SessionStreams((message) => {
      this.post(message);
    });
  }

  post(message: ManagerMessage): void {
    if (!this.#channel.send(encodeFrame(message))) {
      this.#isBlocked = true;
    }
  }

  /** Notes changes; {@link flush} tells them. */
  note(changed: readonly ChangedObject[]): void {
    if (this.#needsComplete) {
      return;
    }
    for (const object of changed) {
      this.#changed.push(object);
    }
    if (this.#changed.length > CHANGED_MAX) {
      this.requestComplete();
    }
  }

  /** The next flush tells everything anew. */
  requestComplete(): void {
    this.#needsComplete = true;
    this.#changed = [];
  }

  /** The agent has taken what was queued. */
  unblock(view: ClusterView): void {
    this.#isBlocked = false;
    this.flush(view);
  }

  /** Tells the agent what it does not know yet, unless it is behind with taking it. */
  flush(view: ClusterView): void {
    if (this.#isBlocked || !this.#channel.isOpen) {
      return;
    }
    if (this.#needsComplete) {
      this.#needsComplete = false;
      this.#send('complete', this.#assignments.complete(view));
      return;
    }
    if (this.#changed.length === 0) {
      return;
    }
    const changed = this.#changed;
    this.#changed = [];
    const changes = this.#assignments.incremental(view, changed);
    if (changes.length > 0) {
      this.#send('incremental', changes);
    }
  }

  /** Tells the wanted role when it differs from what was said last. */
  sayRole(role: NodeRole): void {
    if (role !== this.#saidRole) {
      this.#saidRole = role;
      this.post({ t: 'role', role });
    }
  }

  sayManagers(managers: readonly ManagerAddress[]): void {
    const text = JSON.stringify(managers);
    if (text !== this.#saidManagers) {
      this.#saidManagers = text;
      this.post({ t: 'managers', managers: [...managers] });
    }
  }

  /** Notes that the welcome carried these managers. */
  noteManagers(managers: readonly ManagerAddress[]): void {
    this.#saidManagers = JSON.stringify(managers);
  }

  close(reason: string): void {
    this.streams.closeAll(reason);
    this.#channel.close(1000, reason);
  }

  /** The connection is gone. */
  lost(): void {
    this.streams.closeAll('the connection to the node was lost');
  }

  /** Contents of secrets and configs go in steps of their own where all in one would not fit into a frame. */
  #send(mode: Assignments['mode'], changes: Assignments['changes']): void {
    const { head, payloads } = splitPayloads(changes, STEP_PAYLOAD_BYTES_MAX);
    this.#sendStep(mode, head);
    payloads.forEach((part) => {
      this.#sendStep('incremental', part);
    });
  }

  #sendStep(mode: Assignments['mode'], changes: Assignments['changes']): void {
    const appliesTo = this.#stepName();
    this.#sequence += 1;
    this.post({
      t: 'assignments',
      mode,
      ...(mode === 'incremental' ? { appliesTo } : {}),
      resultsIn: this.#stepName(),
      changes,
    });
  }

  #stepName(): string {
    return `${this.sessionId}.${String(this.#sequence)}`;
  }
}

/**
 * Takes contents of secrets and configs out of a step when they are too many for one frame: what is left, and the
 * contents in parts that fit. A task waits for what has not arrived.
 */
export function splitPayloads(
  changes: Assignments['changes'],
  bytesMax: number,
): { readonly head: Assignments['changes']; readonly payloads: Assignments['changes'][] } {
  const sizeOf = (change: Assignments['changes'][number]): number =>
    change.op === 'put' && (change.kind === 'secret' || change.kind === 'config')
      ? change.value.data.byteLength
      : 0;
  if (changes.reduce((sum, change) => sum + sizeOf(change), 0) <= bytesMax) {
    return { head: changes, payloads: [] };
  }
  const payloads: Assignments['changes'][] = [];
  let part: Assignments['changes'] = [];
  let partBytes = 0;
  for (const change of changes.filter((candidate) => sizeOf(candidate) > 0)) {
    if (part.length > 0 && partBytes + sizeOf(change) > bytesMax) {
      payloads.push(part);
      part = [];
      partBytes = 0;
    }
    part.push(change);
    partBytes += sizeOf(change);
  }
  payloads.push(part);
  return { head: changes.filter((change) => sizeOf(change) === 0), payloads };
}
