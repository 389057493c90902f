import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

import { decodeCbor, encodeCbor } from '@skep/kernel';
import { TaskStatus } from '@skep/model';
import { AssignmentChange } from '@skep/wire';

import { emptyAssignmentState, type AssignmentState } from './assignment-state.ts';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS assignment (kind TEXT NOT NULL, id TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS status (taskId TEXT PRIMARY KEY, value BLOB NOT NULL, isAcked INTEGER NOT NULL) WITHOUT ROWID;
`;

/** Kinds that are kept on disk: all but secrets and configs, whose content stays in memory. */
const KEPT_KINDS: ReadonlySet<string> = new Set(['task', 'network', 'peer', 'service', 'endpoint']);

/**
 * What this node was told and what it has reported, on disk, so that a new swarmd goes on at once where the old one
 * stopped, also without a manager. Secrets and configs are not written.
 */
export class WorkerStore {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #putStatus: StatementSync;
  readonly #ackStatus: StatementSync;
  readonly #removeStatus: StatementSync;

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#database = new DatabaseSync(path);
    this.#database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;');
    this.#database.exec(SCHEMA);
    this.#put = this.#database.prepare(
      'INSERT INTO assignment (kind, id, value) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value',
    );
    this.#remove = this.#database.prepare('DELETE FROM assignment WHERE kind = ? AND id = ?');
    this.#putStatus = this.#database.prepare(
      'INSERT INTO status (taskId, value, isAcked) VALUES (?, ?, 0) ON CONFLICT (taskId) DO UPDATE SET value = excluded.value, isAcked = 0',
    );
    this.#ackStatus = this.#database.prepare('UPDATE status SET isAcked = 1 WHERE taskId = ?');
    this.#removeStatus = this.#database.prepare('DELETE FROM status WHERE taskId = ?');
  }

  /** The assignments as they were last written; what no longer fits the model is left out. */
  load(): AssignmentState {
    const state = emptyAssignmentState();
    const tables: Record<string, Map<string, unknown>> = {
      task: state.tasks,
      network: state.networks,
      peer: state.peers,
      service: state.services,
      endpoint: state.endpoints,
    };
    for (const row of this.#database.prepare('SELECT kind, id, value FROM assignment').all()) {
      const { kind, id, value } = row as { kind: string; id: string; value: Uint8Array };
      const change = AssignmentChange.safeParse({ op: 'put', kind, id, value: decodeCbor(value) });
      if (change.success && change.data.op === 'put') {
        tables[kind]?.set(id, change.data.value);
      }
    }
    return state;
  }

  /** Last status of each task. */
  loadStatuses(): Map<string, { readonly status: TaskStatus; readonly isAcked: boolean }> {
    const statuses = new Map<string, { status: TaskStatus; isAcked: boolean }>();
    for (const row of this.#database.prepare('SELECT taskId, value, isAcked FROM status').all()) {
      const { taskId, value, isAcked } = row as { taskId: string; value: Uint8Array; isAcked: number };
      const status = TaskStatus.safeParse(decodeCbor(value));
      if (status.success) {
        statuses.set(taskId, { status: status.data, isAcked: isAcked === 1 });
      }
    }
    return statuses;
  }

  /** Writes a step of assignments in one transaction. */
  save(changes: readonly AssignmentChange[], options: { readonly isComplete: boolean }): void {
    this.#transaction(() => {
      if (options.isComplete) {
        this.#database.exec('DELETE FROM assignment');
      }
      for (const change of changes) {
        if (!KEPT_KINDS.has(change.kind)) {
          continue;
        }
        if (change.op === 'put') {
          this.#put.run(change.kind, change.id, encodeCbor(change.value));
        } else {
          this.#remove.run(change.kind, change.id);
        }
      }
    });
  }

  saveStatuses(updates: readonly { readonly taskId: string; readonly status: TaskStatus }[]): void {
    this.#transaction(() => {
      for (const { taskId, status } of updates) {
        this.#putStatus.run(taskId, encodeCbor(status));
      }
    });
  }

  markAcked(taskIds: readonly string[]): void {
    this.#transaction(() => {
      taskIds.forEach((taskId) => this.#ackStatus.run(taskId));
    });
  }

  forgetTask(taskId: string): void {
    this.#removeStatus.run(taskId);
  }

  /** Forgets everything: the node left the swarm. */
  clear(): void {
    this.#database.exec('DELETE FROM assignment; DELETE FROM status;');
  }

  close(): void {
    this.#database.close();
  }

  #transaction(body: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      body();
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}
