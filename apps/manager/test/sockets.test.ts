import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { SwarmError } from '@skep/kernel';
import type { Task } from '@skep/model';

import { FakeCluster, FakeStream } from './fake-cluster.ts';
import { TestEdge, until, type Frame, type TestSocket } from './test-edge.ts';

const HELLO = { t: 'hello', v: 1, build: 'b', locale: 'en' };

let cluster: FakeCluster;
let edge: TestEdge;

beforeEach(async () => {
  cluster = new FakeCluster();
  edge = await TestEdge.start(cluster.first);
});

afterEach(async () => {
  await edge.stop();
});

function putTask(id: string, state: Task['status']['state'] = 'running', slot = 1): void {
  cluster.commit((tx) => {
    const known = tx.get('task', id);
    const status = { state, atMs: tx.nowMs, message: state };
    if (known !== undefined) {
      tx.patch('task', id, { status });
      return;
    }
    tx.create('task', {
      id,
      serviceId: 'svc',
      serviceName: 'web',
      slot,
      nodeId: cluster.first.nodeId,
      spec: { container: { image: 'busybox:1', env: ['A=CANARY'] } },
      specVersion: 1,
      status,
      desiredState: 'running',
      networks: [],
    });
  });
}

async function stream(topics: readonly string[], resume?: unknown): Promise<TestSocket> {
  const socket = await edge.socket('/stream', await edge.bearer('viewer'), 'console.v1').open();
  expect(socket.ws.protocol).toBe('console.v1');
  socket.send({ ...HELLO, topics, ...(resume === undefined ? {} : { resume }) });
  await socket.frame('welcome');
  return socket;
}

/** The rows of a topic as a client that follows the rules holds them. */
class Mirror {
  rev = -1;
  readonly rows = new Map<string, Record<string, unknown>>();
  #position = 0;

  read(frames: readonly Frame[], topic: string): this {
    for (const frame of frames.slice(this.#position)) {
      this.#position += 1;
      if (frame.t === 'snap' && frame['topic'] === topic) {
        this.rows.clear();
        const cols = frame['cols'] as string[];
        for (const row of frame['rows'] as unknown[][]) {
          const object = Object.fromEntries(cols.map((col, index) => [col, row[index]]));
          this.rows.set(String(object['id']), object);
        }
      }
      if (frame.t === 'snap' || frame.t === 'mark') {
        this.rev = frame['rev'] as number;
      }
      if (frame.t === 'delta') {
        expect(frame['prev']).toBe(this.rev);
        this.rev = frame['rev'] as number;
        for (const [kind, op, id, columns] of frame['ops'] as [string, string, string, object][]) {
          if (kind === topic) {
            this.#apply(op, id, columns);
          }
        }
      }
    }
    return this;
  }

  #apply(op: string, id: string, columns: object): void {
    if (op === '-') {
      this.rows.delete(id);
    } else {
      this.rows.set(id, { ...(op === '~' ? this.rows.get(id) : {}), ...columns });
    }
  }
}

describe('the state stream', () => {
  test('sends a snapshot, then every change, and never what must not leave', async () => {
    putTask('t1');
    const socket = await stream(['tasks', 'cluster', 'secrets']);
    await until('snapshots', () => socket.frames.filter(({ t }) => t === 'snap').length === 3);
    putTask('t2', 'starting', 2);
    putTask('t1', 'failed');
    cluster.commit((tx) => tx.remove('task', 't2'));
    const mirror = new Mirror();
    await until('the changes', () => mirror.read(socket.frames, 'tasks').rev === cluster.logIndex);
    expect([...mirror.rows.values()]).toMatchObject([
      { id: 't1', image: 'busybox:1', status: { state: 'failed' } },
    ]);
    const told = JSON.stringify(socket.frames);
    expect(told).not.toContain('CANARY');
    expect(told).not.toContain('SWMTKN');
  });

  test('a client that comes back gets what it missed, even from another manager', async () => {
    putTask('t1');
    const first = await stream(['tasks']);
    const mirror = new Mirror().read([await first.frame('welcome'), await first.frame('snap')], 'tasks');
    const { epoch } = await first.frame('welcome');
    first.ws.close();
    putTask('t1', 'failed');
    const second = await stream(['tasks'], { epoch, rev: mirror.rev });
    expect(await second.frame('welcome')).toMatchObject({ resumed: true });
    await second.frame('delta');
    expect(second.frames.some(({ t }) => t === 'snap')).toBe(false);
    const resumed = new Mirror();
    resumed.rev = mirror.rev;
    resumed.rows.set('t1', { ...mirror.rows.get('t1') });
    expect([...resumed.read(second.frames, 'tasks').rows.values()]).toMatchObject([
      { status: { state: 'failed' } },
    ]);
  });

  test('an unknown epoch or a place too far back gets a gap and a snapshot', async () => {
    const other = await stream(['tasks'], { epoch: 'another', rev: 1 });
    expect(await other.frame('gap')).toMatchObject({ why: 'epoch' });
    await other.frame('snap');
    const { epoch } = await other.frame('welcome');
    const old = await stream(['tasks'], { epoch, rev: 0 });
    expect(await old.frame('gap')).toMatchObject({ why: 'compacted' });
    await old.frame('snap');
  });

  test('tells of the quorum when it changes', async () => {
    const socket = await stream(['tasks']);
    cluster.elect(undefined);
    await until('bad health', () =>
      socket.frames.some((frame) => frame.t === 'health' && frame['quorum'] === false),
    );
    cluster.elect(cluster.first);
    await until('good health', () => socket.frames.at(-1)?.['quorum'] === true);
  });

  test('a hidden tab is told nothing until it is shown again', async () => {
    const socket = await stream(['tasks']);
    await socket.frame('snap');
    socket.send({ t: 'idle' });
    socket.send({ t: 'ping', n: 1 });
    await socket.frame('pong');
    const before = socket.frames.length;
    putTask('t1');
    putTask('t1', 'failed');
    const other = await stream(['tasks']);
    await other.frame('snap');
    expect(socket.frames.slice(before).filter(({ t }) => t === 'delta')).toEqual([]);
    socket.send({ t: 'active' });
    const delta = await socket.frame('delta', before);
    expect(delta['ops']).toMatchObject([['tasks', '+', 't1', { status: { state: 'failed' } }]]);
  });

  test('wrong frames and strangers are refused', async () => {
    const socket = await edge.socket('/stream', await edge.bearer('viewer')).open();
    socket.ws.send('{"t":"nonsense"}');
    expect(await socket.frame('error')).toMatchObject({ code: 'invalid_argument' });
    await until('it is closed', () => socket.closeCode !== undefined);
    const stranger = edge.socket('/stream', {});
    await until('it is refused', () => stranger.refusal !== undefined);
    expect(stranger.refusal?.status).toBe(401);
    expect(JSON.parse(stranger.refusal?.body ?? '')).toMatchObject({ code: 'unauthenticated' });
    const nowhere = edge.socket('/nowhere', await edge.bearer());
    await until('it is refused', () => nowhere.refusal !== undefined);
    expect(nowhere.refusal?.status).toBe(404);
  });

  test('samples of tasks pass through', async () => {
    const source = new FakeStream();
    cluster.first.streams = (request) => {
      expect(request).toMatchObject({ kind: 'stats', everyMs: 1000 });
      return source;
    };
    const socket = await stream(['tasks']);
    socket.send({ t: 'sub', id: 7, topic: 'stats', scope: { all: true }, every: 1000 });
    const stats = {
      taskId: 't1',
      cpuPercent: 5,
      memoryBytes: 10,
      memoryLimitBytes: 0,
      rxBytes: 1,
      txBytes: 2,
      pids: 3,
    };
    source.emit({ type: 'stats', nodeId: 'n', stats: [stats] });
    expect(await socket.frame('stats')).toMatchObject({ id: 7, rows: [['t1', 5, 10, 1, 2]] });
    socket.send({ t: 'unsub', id: 7 });
    await until('it ends', () => source.isClosed);
  });
});

describe('logs', () => {
  test('of a service are merged by time, told by task, and end', async () => {
    putTask('t1');
    putTask('t2', 'running', 2);
    cluster.commit((tx) => {
      tx.create('service', {
        id: 'svc',
        spec: {
          name: 'web',
          task: { container: { image: 'busybox:1' } },
          mode: { type: 'replicated', replicas: 2 },
        },
        specVersion: 1,
      });
    });
    const source = new FakeStream();
    cluster.first.streams = (request) => {
      expect(request).toMatchObject({ kind: 'logs', serviceId: 'svc', tail: 10, follow: true });
      return source;
    };
    const socket = await edge.socket('/logs/stream', await edge.bearer('viewer')).open();
    socket.send({ t: 'start', select: { services: ['web'] }, follow: true, tail: 10 });
    const lines = (taskId: string, ...times: number[]): void => {
      source.emit({
        type: 'lines',
        taskId,
        nodeId: cluster.first.nodeId,
        lines: times.map((time) => ({
          tsNs: String(time),
          stream: 'stdout',
          text: `${taskId}@${String(time)}`,
        })),
      });
    };
    lines('t1', 100, 300);
    lines('t2', 200, 400);
    source.emit({ type: 'notice', taskId: 't2', code: 'unavailable', message: 'node gone' });
    source.end();
    await socket.frame('end');
    const texts = socket.frames
      .filter(({ t }) => t === 'l')
      .flatMap((frame) => (frame['b'] as [string, number, number, null, string][]).map((line) => line[4]));
    expect(texts).toEqual(['t1@100', 't2@200', 't1@300', 't2@400']);
    expect(socket.frames.filter(({ t }) => t === 'tasks').map((frame) => frame['add'])).toEqual([
      [[0, 't1', 'web', 1, 'manager-1', 1]],
      [[1, 't2', 'web', 2, 'manager-1', 1]],
    ]);
    expect(await socket.frame('src')).toMatchObject({ taskIndex: 1, state: 'unreachable' });
  });

  test('a selection that fits nothing is refused', async () => {
    const socket = await edge.socket('/logs/stream', await edge.bearer('viewer')).open();
    socket.send({ t: 'start', select: { services: ['nope'] }, follow: false });
    expect(await socket.frame('error')).toMatchObject({
      code: 'not_found',
      message: 'service nope not found',
    });
  });

  test('the sources are held back while the client does not acknowledge', async () => {
    putTask('t1');
    const source = new FakeStream();
    cluster.first.streams = () => source;
    const socket = await edge.socket('/logs/stream', await edge.bearer('viewer')).open();
    socket.send({ t: 'start', select: { tasks: ['t1'] }, follow: true });
    const text = 'x'.repeat(60_000);
    const emit = (time: number): void =>
      source.emit({
        type: 'lines',
        taskId: 't1',
        nodeId: 'n',
        lines: [{ tsNs: String(time), stream: 'stderr', text }],
      });
    emit(0);
    await socket.frame('l');
    socket.send({ t: 'ack', bytes: 1 });
    socket.send({ t: 'ack', bytes: 1 });
    for (let time = 1; time <= 30; time += 1) {
      emit(time);
    }
    await until('it is paused', () => source.isPaused);
    socket.send({ t: 'ack', bytes: 100_000_000 });
    await until('it goes on', () => !source.isPaused);
  });

  test('are read once over HTTP too', async () => {
    putTask('t1');
    cluster.first.streams = () => {
      const source = new FakeStream();
      source.emit({
        type: 'lines',
        taskId: 't1',
        nodeId: 'n',
        lines: [{ tsNs: '7', stream: 'stdout', text: 'hi' }],
      });
      source.end();
      return source;
    };
    const answer = await edge.ask('GET', '/api/v1/logs?task=t1&tail=5', {
      headers: await edge.bearer('viewer'),
    });
    expect(answer.json).toMatchObject({
      lines: [{ taskId: 't1', text: 'hi', tsNs: '7', stream: 'stdout' }],
      tasks: [{ id: 't1', service: 'web', node: 'manager-1' }],
    });
  });

  test('an agent that does not answer is a remark, not a failure', async () => {
    putTask('t1');
    const answer = await edge.ask('GET', '/api/v1/logs?task=t1', { headers: await edge.bearer('viewer') });
    expect(answer.json).toMatchObject({ lines: [], tasks: [{ id: 't1', problem: 'no agent answers' }] });
  });
});

describe('exec', () => {
  test('carries bytes both ways, sizes and the exit code, and is on record', async () => {
    putTask('t1');
    const source = new FakeStream();
    cluster.first.streams = (request) => {
      expect(request).toEqual({
        kind: 'exec',
        taskId: 't1',
        command: ['cat'],
        tty: true,
        cols: 80,
        rows: 24,
      });
      return source;
    };
    const socket = await edge.socket('/tasks/t1/exec', await edge.bearer('deployer')).open();
    socket.send({ t: 'start', cmd: ['cat'], tty: true, cols: 80, rows: 24 });
    socket.send(Buffer.from('typed early'));
    await socket.frame('started');
    socket.send({ t: 'resize', cols: 100, rows: 30 });
    socket.send({ t: 'eof' });
    await until('input arrives', () => source.sent.length === 3);
    expect(
      source.sent.map((input) => (input.type === 'stdin' ? Buffer.from(input.data).toString() : input)),
    ).toEqual(['typed early', { type: 'resize', cols: 100, rows: 30 }, { type: 'stdinEnd' }]);
    source.emit({ type: 'output', channel: 'stdout', data: Buffer.from('out') });
    source.emit({ type: 'exit', exitCode: 3 });
    source.end();
    expect(await socket.frame('exit')).toMatchObject({ code: 3 });
    expect(Buffer.concat(socket.binary).toString()).toBe('out');
    const audit = cluster.first.historyAfter(0).map(({ record }) => record);
    expect(audit).toContainEqual(expect.objectContaining({ action: 'task.exec', detail: 'the program cat' }));
  });

  test('without a terminal names the stream of each frame', async () => {
    putTask('t1');
    const source = new FakeStream();
    cluster.first.streams = () => source;
    const socket = await edge.socket('/tasks/t1/exec', await edge.bearer('deployer')).open();
    socket.send({ t: 'start', cmd: ['x'], tty: false });
    await socket.frame('started');
    source.emit({ type: 'output', channel: 'stderr', data: Buffer.from('bad') });
    await until('output', () => socket.binary.length === 1);
    expect([socket.binary[0]![0], socket.binary[0]!.subarray(1).toString()]).toEqual([2, 'bad']);
    source.end(new SwarmError('unavailable', 'the node went away'));
    expect(await socket.frame('err')).toMatchObject({ code: 'unavailable', message: 'the node went away' });
  });

  test('needs the right, and a task that runs', async () => {
    putTask('t1', 'failed');
    const denied = edge.socket('/tasks/t1/exec', await edge.bearer('operator'));
    await until('it is refused', () => denied.refusal !== undefined);
    expect(denied.refusal?.status).toBe(403);
    const socket = await edge.socket('/tasks/t1/exec', await edge.bearer('deployer')).open();
    socket.send({ t: 'start' });
    expect(await socket.frame('err')).toMatchObject({ code: 'failed_precondition' });
  });

  test('ends the command when the client goes away', async () => {
    putTask('t1');
    const source = new FakeStream();
    cluster.first.streams = () => source;
    const socket = await edge.socket('/tasks/t1/exec', await edge.bearer('deployer')).open();
    socket.send({ t: 'start' });
    await socket.frame('started');
    socket.ws.terminate();
    await until('the command ends', () => source.isClosed);
  });
});
