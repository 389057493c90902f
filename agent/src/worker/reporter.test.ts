import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { TaskState, TaskStatus } from '@skep/model';
import type { AgentMessage } from '@skep/wire';

import { Reporter } from './reporter.ts';

type StatusMessage = Extract<AgentMessage, { t: 'status' }>;

const status = (state: TaskState): TaskStatus => ({ state, atMs: 1, message: '' });

class MemoryLog {
  readonly saved = new Map<string, TaskState>();
  readonly acked: string[] = [];
  saveStatuses(updates: readonly { taskId: string; status: TaskStatus }[]): void {
    updates.forEach((update) => this.saved.set(update.taskId, update.status.state));
  }
  markAcked(taskIds: readonly string[]): void {
    this.acked.push(...taskIds);
  }
}

let log: MemoryLog;
let sent: StatusMessage[];
let reporter: Reporter;
const states = (message: StatusMessage | undefined): string[] =>
  message?.updates.map(({ taskId, status: { state } }) => `${taskId}:${state}`) ?? [];

beforeEach(() => {
  vi.useFakeTimers();
  log = new MemoryLog();
  sent = [];
  reporter = new Reporter(log, (message) => {
    sent.push(message);
    return true;
  });
});
afterEach(() => {
  reporter.stop();
  vi.useRealTimers();
});

describe('Reporter', () => {
  test('sends the newest state of each task, one batch at a time', () => {
    reporter.connected();
    reporter.report('a', status('accepted'));
    reporter.report('a', status('preparing'));
    reporter.report('a', status('running'));
    reporter.report('b', status('failed'));
    vi.runAllTimers();
    expect(sent.map(states)).toEqual([['a:running', 'b:failed']]);
    reporter.report('a', status('complete'));
    vi.runAllTimers();
    expect(sent).toHaveLength(1);
    reporter.acknowledged(1);
    expect(states(sent[1])).toEqual(['a:complete']);
    // What was said of a since is not acknowledged by the first batch.
    expect(log.acked).toEqual(['b']);
    reporter.acknowledged(2);
    expect(log.acked).toEqual(['b', 'a']);
  });

  test('says again in the next session what was not acknowledged, unless there is something newer', () => {
    reporter.connected();
    reporter.report('a', status('running'));
    reporter.report('b', status('running'));
    vi.runAllTimers();
    reporter.disconnected();
    reporter.report('a', status('failed'));
    vi.runAllTimers();
    expect(sent).toHaveLength(1);
    expect(log.saved.get('a')).toBe('failed');
    reporter.connected();
    expect(states(sent[1]).sort()).toEqual(['a:failed', 'b:running']);
  });

  test('an acknowledgement of an earlier session means nothing', () => {
    reporter.connected();
    reporter.report('a', status('running'));
    vi.runAllTimers();
    reporter.disconnected();
    reporter.connected();
    reporter.acknowledged(1);
    expect(log.acked).toEqual([]);
  });

  test('small steps wait a little, so that they go along with what follows', () => {
    reporter.connected();
    reporter.report('a', status('accepted'));
    vi.advanceTimersByTime(10);
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(40);
    expect(sent.map(states)).toEqual([['a:accepted']]);
  });
});
