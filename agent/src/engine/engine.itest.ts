import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ContainerConfig } from './container-config.ts';
import { EngineFixture, recordEvents, textOf, until } from './testing/engine-fixture.ts';

let fixture: EngineFixture;

beforeAll(async () => {
  fixture = await EngineFixture.create();
  await fixture.loadBusybox();
});

afterAll(async () => {
  expect(await fixture.destroy()).toEqual([]);
});

const none = { network: { mode: 'none' } } as const;

async function run(
  config: Omit<ContainerConfig, 'image'>,
): Promise<{ id: string; exitCode: number; output: string; errors: string }> {
  const { containers } = fixture.engine;
  const { id } = await containers.create({ image: 'busybox', ...none, ...config });
  const streams = await containers.attach(id, { stdout: true, stderr: true });
  const [output, errors] = [textOf(streams.stdout), textOf(streams.stderr)];
  await containers.start(id);
  const { exitCode } = await containers.wait(id);
  return { id, exitCode, output: await output, errors: await errors };
}

test('runs a command and reports its output, log and exit code', async () => {
  const recorded = recordEvents(fixture.engine);
  const { id, exitCode, output, errors } = await run({ cmd: ['sh', '-c', 'echo out; echo err >&2; exit 7'] });
  expect({ exitCode, output, errors }).toEqual({ exitCode: 7, output: 'out\n', errors: 'err\n' });
  const lines: string[] = [];
  for await (const record of fixture.engine.containers.logs(id)) {
    lines.push(`${record.stream} ${record.data.toString()}`);
  }
  expect(lines.sort()).toEqual(['stderr err\n', 'stdout out\n']);
  await fixture.engine.containers.remove(id);
  expect(recorded.actions()).toEqual(['create', 'attach', 'start', 'die', 'destroy']);
});

test('a program that is not there is an error in words the docker CLI knows', async () => {
  const { containers } = fixture.engine;
  const { id } = await containers.create({ image: 'busybox', ...none, cmd: ['nonsense'] });
  await expect(containers.start(id)).rejects.toThrow('exec: "nonsense": executable file not found in $PATH');
  expect((await containers.inspect(id)).state).toMatchObject({ status: 'created', exitCode: 127 });
  await containers.remove(id);
});

test('files are kept from stop to start and the stop signal is honoured', async () => {
  const { containers } = fixture.engine;
  const { id } = await containers.create({
    image: 'busybox',
    ...none,
    cmd: ['sh', '-c', 'trap "exit 3" TERM; echo x >> /data; echo ready; while :; do sleep 0.05; done'],
  });
  await containers.start(id);
  await until(async () => (await logText(id)).includes('ready'));
  expect(await containers.stop(id, { timeoutSeconds: 5 })).toBe(true);
  expect((await containers.inspect(id)).state).toMatchObject({ status: 'exited', exitCode: 3 });
  expect(await containers.stop(id)).toBe(false);
  await containers.start(id);
  await until(async () => (await logText(id)).split('ready').length === 3);
  const { output } = await fixture.engine.execs.run(id, { cmd: ['cat', '/data'] });
  expect(output.toString()).toBe('x\nx\n');
  await containers.remove(id, { force: true });
});

async function logText(id: string): Promise<string> {
  let text = '';
  for await (const record of fixture.engine.containers.logs(id)) {
    text += record.data.toString();
  }
  return text;
}

test('standard input streams through with back-pressure, many megabytes', async () => {
  const { containers } = fixture.engine;
  const { id } = await containers.create({
    image: 'busybox',
    ...none,
    cmd: ['wc', '-c'],
    openStdin: true,
    stdinOnce: true,
  });
  const streams = await containers.attach(id, { stdin: true, stdout: true, stderr: true });
  const output = textOf(streams.stdout);
  await containers.start(id);
  const chunk = Buffer.alloc(1024 * 1024, 'a');
  for (let index = 0; index < 64; index += 1) {
    await new Promise<void>((resolve, reject) => {
      streams.stdin?.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }
  streams.stdin?.end();
  expect((await output).trim()).toBe(String(64 * 1024 * 1024));
  await containers.remove(id, { force: true });
});

test('a slow reader gets every byte', async () => {
  const { containers } = fixture.engine;
  const { id } = await containers.create({
    image: 'busybox',
    ...none,
    cmd: ['sh', '-c', 'yes 0123456789abcdef | head -c 20000000'],
  });
  const streams = await containers.attach(id, { stdout: true, stderr: true });
  await containers.start(id);
  let bytes = 0;
  let wrong = 0;
  for await (const chunk of streams.stdout as AsyncIterable<Buffer>) {
    for (const byte of chunk) {
      const expected = '0123456789abcdef\n'.charCodeAt(bytes % 17);
      wrong += byte === expected ? 0 : 1;
      bytes += 1;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect({ bytes, wrong }).toEqual({ bytes: 20_000_000, wrong: 0 });
  await containers.remove(id, { force: true });
});

test('execs: output, exit code, user, environment, terminal and resize', async () => {
  const { containers, execs } = fixture.engine;
  const { id } = await containers.create({ image: 'busybox', ...none, cmd: ['sleep', '1000'], env: ['A=1'] });
  await containers.start(id);
  const plain = await execs.run(id, {
    cmd: ['sh', '-c', 'id -u; echo $A$B; pwd; exit 4'],
    user: 'www-data',
    env: ['B=2'],
    workingDir: '/tmp',
  });
  expect([plain.exitCode, plain.output.toString()]).toEqual([4, '33\n12\n/tmp\n']);
  await expect(execs.run(id, { cmd: ['nonsense'] })).rejects.toThrow(
    'exec: "nonsense": executable file not found in $PATH',
  );
  const execId = await execs.create(id, { cmd: ['sh'], tty: true, attachStdin: true, attachStdout: true });
  const shell = await execs.start(execId, { rows: 33, columns: 77 });
  shell.stdin?.write('stty size; exit 5\n');
  expect(await textOf(shell.stdout)).toContain('33 77');
  expect(await shell.exitCode).toBe(5);
  expect(execs.inspect(execId)).toMatchObject({ isRunning: false, exitCode: 5 });
  const detached = await execs.create(id, { cmd: ['sh', '-c', 'exit 9'] });
  await execs.startDetached(detached);
  await until(() => execs.inspect(detached).exitCode === 9);
  await containers.remove(id, { force: true });
});
