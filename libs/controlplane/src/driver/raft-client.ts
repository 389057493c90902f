import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';

import type { Logger } from 'pino';

import { SwarmError, errorMessage, fromErrorRecord, present, type ErrorRecord } from '@skep/kernel';

import { BridgedChannels } from '../transport/bridged-channel.ts';
import type {
  CommittedBatch,
  MembershipRequest,
  ProposeOptions,
  RaftHandle,
  RaftStartOptions,
  RaftStatus,
  TlsMaterial,
} from './raft-handle.ts';
import {
  packItems,
  unpackEntries,
  type ThreadCommand,
  type ThreadData,
  type ThreadEvent,
  type ThreadRequest,
} from './thread-protocol.ts';

/** Largest proposal; a snapshot may be larger. */
export const PROPOSAL_BYTES_MAX = 8 * 1024 * 1024;
/** Proposals that may wait for an outcome. */
const PROPOSALS_MAX = 50_000;
const STOP_TIMEOUT_MS = 10_000;

type Settled<T> = { readonly resolve: (value: T) => void; readonly reject: (error: Error) => void };

interface PendingProposal extends Settled<{ readonly logIndex: number }> {
  readonly timer: NodeJS.Timeout;
}

type RequestBody = ThreadRequest extends infer R ? (R extends ThreadRequest ? Omit<R, 'id'> : never) : never;

/** Makes the main thread's side of a Raft thread; nothing runs before `start`. */
export function createRaftHandle(options: { readonly logger: Logger }): RaftHandle {
  return new RaftClient(options.logger);
}

class RaftClient implements RaftHandle {
  readonly channels: BridgedChannels;
  readonly #logger: Logger;
  #worker: Worker | undefined;
  #status: RaftStatus | undefined;
  #starting: Settled<void> | undefined;
  #failure: SwarmError | undefined;
  #isStopping = false;
  #lastId = 0;
  #lastProposalId = 0;
  #delivered = 0;
  #applied = 0;
  readonly #requests = new Map<number, Settled<number>>();
  readonly #proposals = new Map<number, PendingProposal>();
  /** Proposals of this turn of the event loop, which of one term go to the thread together. */
  #outgoing: Uint8Array[] = [];
  #outgoingFirstId = 0;
  #outgoingTerm: number | undefined;
  #onCommitted: ((batch: CommittedBatch) => void) | undefined;
  #onSnapshotNeeded: ((logIndex: number) => Promise<Uint8Array>) | undefined;
  readonly #onStatus: ((status: RaftStatus) => void)[] = [];
  readonly #onFailure: ((error: Error) => void)[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
    this.channels = new BridgedChannels(logger);
  }

  async start(options: RaftStartOptions): Promise<void> {
    if (this.#worker !== undefined) {
      throw new SwarmError('failed_precondition', 'this Raft handle was started before; make a new one');
    }
    const { port1, port2 } = new MessageChannel();
    this.channels.attach(port1);
    const { threadUrl, ...rest } = options;
    const data: ThreadData = { options: rest, channelPort: port2, logLevel: this.#logger.level };
    const worker = new Worker(threadUrl ?? defaultThreadUrl(), {
      workerData: data,
      transferList: [port2],
      name: 'raft',
    });
    this.#worker = worker;
    worker.on('message', (event: ThreadEvent) => {
      this.#onEvent(event);
    });
    worker.on('error', (error) => {
      this.#fail(
        new SwarmError('internal', `the Raft thread failed: ${errorMessage(error)}`, { cause: error }),
      );
    });
    worker.on('exit', () => {
      this.#fail(new SwarmError('unavailable', 'the Raft thread has ended'));
    });
    await new Promise<void>((resolve, reject) => {
      this.#starting = { resolve, reject };
    });
  }

  #post(command: ThreadCommand, transfer: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(command, transfer);
  }

  #onEvent(event: ThreadEvent): void {
    switch (event.op) {
      case 'started':
        this.#starting?.resolve();
        this.#starting = undefined;
        break;
      case 'failed':
        this.#fail(fromErrorRecord(event.error));
        break;
      case 'committed':
        this.#deliver(event);
        break;
      case 'rejected':
        this.#rejectProposals(event.ids, event.error);
        break;
      case 'answer':
        this.#onAnswer(event.id, event.value, event.error);
        break;
      case 'status':
        this.#setStatus(event.status);
        break;
      case 'snapshotNeeded':
        this.#makeSnapshot();
        break;
    }
  }

  #deliver(event: Extract<ThreadEvent, { op: 'committed' }>): void {
    const entries = unpackEntries(event.packed);
    const { snapshot, resolved } = event;
    this.#delivered = entries.at(-1)?.logIndex ?? snapshot?.logIndex ?? this.#delivered;
    this.#onCommitted?.({ entries, ...(snapshot === undefined ? {} : { snapshot }) });
    for (let i = 0; i < resolved.length; i += 2) {
      this.#takeProposal(resolved[i] ?? 0)?.resolve({ logIndex: resolved[i + 1] ?? 0 });
    }
  }

  #takeProposal(id: number): PendingProposal | undefined {
    const proposal = this.#proposals.get(id);
    this.#proposals.delete(id);
    clearTimeout(proposal?.timer);
    return proposal;
  }

  #rejectProposals(ids: readonly number[], record: ErrorRecord): void {
    for (const id of ids) {
      this.#takeProposal(id)?.reject(fromErrorRecord(record));
    }
  }

  #onAnswer(id: number, value: number, error: ErrorRecord | undefined): void {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    if (error === undefined) {
      request?.resolve(value);
    } else {
      request?.reject(fromErrorRecord(error));
    }
  }

  #setStatus(status: RaftStatus): void {
    this.#status = status;
    for (const callback of this.#onStatus) {
      callback(this.status());
    }
  }

  propose(data: Uint8Array, { timeoutMs, term }: ProposeOptions): Promise<{ readonly logIndex: number }> {
    const refused = this.#refusal(data);
    if (refused !== undefined) {
      return Promise.reject(refused);
    }
    this.#lastProposalId += 1;
    const id = this.#lastProposalId;
    if (this.#outgoingTerm !== term) {
      this.#flush();
    }
    if (this.#outgoing.length === 0) {
      this.#outgoingFirstId = id;
      this.#outgoingTerm = term;
      setImmediate(() => {
        this.#flush();
      });
    }
    this.#outgoing.push(data);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#proposals.delete(id);
        const message = `the managers did not confirm the change within ${String(timeoutMs)} ms; it may still be made`;
        reject(new SwarmError('deadline_exceeded', message));
      }, timeoutMs);
      this.#proposals.set(id, { resolve, reject, timer });
    });
  }

  #refusal(data: Uint8Array): SwarmError | undefined {
    if (this.#failure !== undefined || this.#worker === undefined) {
      return this.#failure ?? new SwarmError('unavailable', 'the manager is not started');
    }
    if (data.length > PROPOSAL_BYTES_MAX) {
      return new SwarmError(
        'too_large',
        `a change of ${String(data.length)} bytes is too large; the limit is ${String(PROPOSAL_BYTES_MAX)}`,
      );
    }
    return this.#proposals.size >= PROPOSALS_MAX
      ? new SwarmError('resource_exhausted', 'too many changes wait to be confirmed; try again')
      : undefined;
  }

  #flush(): void {
    const items = this.#outgoing;
    if (items.length === 0) {
      return;
    }
    this.#outgoing = [];
    const packed = packItems(items);
    const command = {
      op: 'propose',
      firstId: this.#outgoingFirstId,
      packed,
      term: this.#outgoingTerm,
    } as const;
    this.#post(command, [packed.buffer as ArrayBuffer]);
  }

  onCommitted(callback: (batch: CommittedBatch) => void): void {
    this.#onCommitted = callback;
  }

  applied(logIndex: number): void {
    if (logIndex > this.#applied) {
      this.#applied = logIndex;
      this.#post({ op: 'applied', logIndex });
    }
  }

  #makeSnapshot(): void {
    const logIndex = this.#applied;
    const answer = (data: Uint8Array | undefined): void => {
      this.#post({ op: 'snapshot', logIndex, data });
    };
    if (this.#onSnapshotNeeded === undefined) {
      answer(undefined);
      return;
    }
    this.#onSnapshotNeeded(logIndex).then(answer, (error: unknown) => {
      this.#logger.error({ err: error, logIndex }, 'could not make a snapshot');
      answer(undefined);
    });
  }

  snapshotNeeded(callback: (logIndex: number) => Promise<Uint8Array>): void {
    this.#onSnapshotNeeded = callback;
  }

  #ask(body: RequestBody): Promise<number> {
    if (this.#failure !== undefined || this.#worker === undefined) {
      return Promise.reject(this.#failure ?? new SwarmError('unavailable', 'the manager is not started'));
    }
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { resolve, reject });
      this.#post({ ...body, id });
    });
  }

  readIndex(): Promise<number> {
    return this.#ask({ op: 'readIndex' });
  }

  status(): RaftStatus {
    const status = present(this.#status, 'Raft status before the start');
    return {
      ...status,
      commit: Math.max(status.commit, this.#delivered),
      applied: Math.max(status.applied, this.#applied),
    };
  }

  onStatus(callback: (status: RaftStatus) => void): void {
    this.#onStatus.push(callback);
  }

  onFailure(callback: (error: Error) => void): void {
    this.#onFailure.push(callback);
  }

  async changeMembership(request: MembershipRequest): Promise<void> {
    await this.#ask({ op: 'changeMembership', request });
  }

  async transferLeadership(nodeId?: string): Promise<void> {
    await this.#ask({ op: 'transfer', nodeId });
  }

  admit(nodeIds: readonly string[]): void {
    this.#post({ op: 'admit', nodeIds });
  }

  async setAddress(addr: string): Promise<void> {
    await this.#ask({ op: 'setAddress', addr });
  }

  async setTls(tls: TlsMaterial): Promise<void> {
    await this.#ask({ op: 'setTls', tls });
  }

  async setKeyEncryptionKey(key: Uint8Array | undefined): Promise<void> {
    await this.#ask({ op: 'setKeyEncryptionKey', key });
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined || this.#isStopping) {
      return;
    }
    this.#isStopping = true;
    const ended = once(worker, 'exit');
    const late = setTimeout(() => {
      this.#logger.warn('the Raft thread did not stop in time; ending it');
      void worker.terminate();
    }, STOP_TIMEOUT_MS);
    await this.#ask({ op: 'stop' }).catch(() => undefined);
    // It ends by itself once everything in it is closed: nothing is torn down in the middle of its work.
    await ended;
    clearTimeout(late);
    this.channels.detach();
  }

  /** Ends everything that waits. */
  #fail(error: SwarmError): void {
    if (this.#failure !== undefined) {
      return;
    }
    this.#failure = error;
    this.#starting?.reject(error);
    for (const id of [...this.#proposals.keys()]) {
      this.#takeProposal(id)?.reject(error);
    }
    for (const request of this.#requests.values()) {
      request.reject(error);
    }
    this.#requests.clear();
    this.channels.detach();
    if (!this.#isStopping && this.#starting === undefined) {
      for (const callback of this.#onFailure) {
        callback(error);
      }
    }
    if (!this.#isStopping) {
      void this.#worker?.terminate();
    }
  }
}

/** The thread's script lies beside this file, in the same form (source or compiled). */
function defaultThreadUrl(): URL {
  return new URL(`./raft-thread.${/\.(\w+)$/.exec(import.meta.url)?.[1] ?? 'mjs'}`, import.meta.url);
}
