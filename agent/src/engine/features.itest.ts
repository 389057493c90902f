import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildTar, startRegistry, type RegistryProcess } from '@skep/oci';
import { EngineFixture, recordEvents, until } from './testing/engine-fixture.ts';

const none = { image: 'busybox', network: { mode: 'none' } } as const;
const sleeper = { ...none, cmd: ['sleep', '1000'] } as const;

let fixture: EngineFixture;
let registry: RegistryProcess;

beforeAll(async () => {
  fixture = await EngineFixture.create();
  await fixture.loadBusybox();
  registry = await startRegistry({ directory: `${fixture.root}/registry` });
});

afterAll(async () => {
  await registry.stop();
  expect(await fixture.destroy()).toEqual([]);
});

async function logText(id: string): Promise<string> {
  let text = '';
  for await (const record of fixture.engine.containers.logs(id)) {
    text += record.data.toString();
  }
  return text;
}

test('volumes are populated from the image, shared, kept, and protected while in use', async () => {
  const { volumes } = fixture.engine;
  const mounts = [{ type: 'volume', source: 'shared', target: '/etc' }] as const;
  const writer = await fixture.start({ ...sleeper, mounts });
  expect(await fixture.inside(writer, 'echo hi > /etc/new; cat /etc/passwd | head -1')).toBe(
    'root:x:0:0:root:/root:/bin/sh\n',
  );
  const reader = await fixture.start({ ...sleeper, mounts: [{ ...mounts[0], readOnly: true }] });
  expect(await fixture.inside(reader, 'cat /etc/new; touch /etc/x 2>&1')).toMatch(/^hi\n.*Read-only/);
  await expect(volumes.remove('shared')).rejects.toThrow('volume is in use');
  const anonymous = await fixture.start({ ...sleeper, anonymousVolumes: ['/data'] });
  const [point] = (await fixture.engine.containers.inspect(anonymous)).mounts;
  expect(volumes.has(point?.name ?? '')).toBe(true);
  await fixture.remove(writer, reader, anonymous);
  expect(volumes.has(point?.name ?? '')).toBe(false);
  expect((await volumes.inspect('shared')).usedBy).toEqual([]);
  await volumes.remove('shared');
});

test('a volume may be a tmpfs by its options, mounted only while it is used', async () => {
  const { volumes } = fixture.engine;
  await volumes.create({ name: 'fast', options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' } });
  const id = await fixture.start({
    ...sleeper,
    mounts: [{ type: 'volume', source: 'fast', target: '/fast' }],
  });
  expect(await fixture.inside(id, 'df -k /fast | tail -1')).toMatch(/1024/);
  await fixture.remove(id);
  await volumes.remove('fast');
});

test('secrets and configs are there with owner and mode, and nowhere on the disk', async () => {
  const canary = 'canary-3f9a7c';
  const id = await fixture.start({
    ...sleeper,
    files: [
      { kind: 'secret', target: 'key', content: Buffer.from(canary), uid: 33, mode: 0o400 },
      { kind: 'secret', target: '/run/secrets/deep/er', content: Buffer.from('x') },
      { kind: 'config', target: '/etc/app.conf', content: Buffer.from('a=1\n') },
    ],
  });
  expect(
    await fixture.inside(
      id,
      'ls -ln /run/secrets/key | cut -c1-10; cat /run/secrets/key /run/secrets/deep/er /etc/app.conf',
    ),
  ).toBe(`-r--------\n${canary}xa=1\n`);
  expect(await fixture.inside(id, 'cat /run/secrets/key', 'www-data')).toBe(canary);
  expect(await fixture.inside(id, 'echo > /run/secrets/key; mount | grep secrets')).toMatch(
    /Read-only.*\n.*ramfs/,
  );
  const { execFileSync } = await import('node:child_process');
  const found = execFileSync('sh', ['-c', `grep -rl ${canary} ${fixture.root}/data || true`], {
    encoding: 'utf8',
  });
  expect(found).toBe('');
  await fixture.remove(id);
});

test('limits reach the cgroup, and a process beyond its memory is reported as killed by it', async () => {
  const recorded = recordEvents(fixture.engine);
  const id = await fixture.start({
    ...sleeper,
    resources: { memoryBytes: 32 * 1024 * 1024, nanoCpus: 500_000_000, pidsLimit: 50 },
  });
  const stats = await fixture.engine.containers.stats(id);
  expect(stats).toMatchObject({ memoryLimitBytes: 32 * 1024 * 1024, pidsLimit: 50 });
  expect(stats.pids).toBeGreaterThan(0);
  await fixture.engine.containers.update(id, {
    resources: { memoryBytes: 64 * 1024 * 1024, memorySwapBytes: -1 },
  });
  expect((await fixture.engine.containers.stats(id)).memoryLimitBytes).toBe(64 * 1024 * 1024);
  await fixture.remove(id);
  const hungry = await fixture.start({
    ...none,
    cmd: ['sh', '-c', 'exec dd if=/dev/zero of=/dev/null bs=200M count=1'],
    resources: { memoryBytes: 16 * 1024 * 1024, memorySwapBytes: 16 * 1024 * 1024 },
  });
  const status = await fixture.engine.containers.wait(hungry);
  expect(status).toMatchObject({ exitCode: 137, isOomKilled: true });
  expect(recorded.actions()).toContain('oom');
  await fixture.remove(hungry);
});

test('pause freezes, unpause goes on, stop works on a paused container', async () => {
  const { containers } = fixture.engine;
  const id = await fixture.start({
    ...none,
    cmd: ['sh', '-c', 'trap "exit 0" TERM; while :; do echo t; sleep 0.02; done'],
  });
  await containers.pause(id);
  const before = await logText(id);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await logText(id)).toBe(before);
  await expect(fixture.engine.execs.create(id, { cmd: ['true'] })).rejects.toThrow('is paused');
  await containers.unpause(id);
  await until(async () => (await logText(id)).length > before.length);
  await containers.pause(id);
  await containers.stop(id, { timeoutSeconds: 5 });
  expect((await containers.inspect(id)).state.status).toBe('exited');
  await fixture.remove(id);
});

test('a health check goes from starting to healthy to unhealthy', async () => {
  const recorded = recordEvents(fixture.engine);
  const id = await fixture.start({
    ...sleeper,
    healthcheck: { test: ['CMD-SHELL', 'test -e /ok'], intervalMs: 50, timeoutMs: 5000, retries: 2 },
  });
  expect((await fixture.engine.containers.inspect(id)).state.health?.status).toBe('starting');
  await fixture.inside(id, 'touch /ok');
  await until(() => recorded.actions().includes('health_status: healthy'));
  await fixture.inside(id, 'rm /ok');
  await until(() => recorded.actions().includes('health_status: unhealthy'));
  await fixture.remove(id);
});

test('restart policies: on-failure gives up, always goes on until it is stopped', async () => {
  const { containers } = fixture.engine;
  const failing = await fixture.start({
    ...none,
    cmd: ['sh', '-c', 'exit 3'],
    restartPolicy: { name: 'on-failure', maximumRetryCount: 2 },
  });
  await until(async () => (await containers.inspect(failing)).state.status === 'exited');
  expect(await containers.inspect(failing)).toMatchObject({ restartCount: 2, state: { exitCode: 3 } });
  const lasting = await fixture.start({
    ...none,
    cmd: ['sh', '-c', 'exit 0'],
    restartPolicy: { name: 'always' },
  });
  await until(async () => (await containers.inspect(lasting)).restartCount >= 2);
  await containers.stop(lasting);
  expect((await containers.inspect(lasting)).state.status).toBe('exited');
  await fixture.remove(failing, lasting);
});

test('files are copied in and out of running and stopped containers and stay inside', async () => {
  const { containers } = fixture.engine;
  const id = await fixture.start({ ...sleeper, mounts: [{ type: 'tmpfs', target: '/tmpfs' }] });
  const tar = (name: string, content: string): Readable =>
    Readable.from([buildTar([{ path: name, type: 'file', content, uid: 33, mode: 0o640 }])]);
  await containers.putArchive(id, '/tmpfs', tar('a', 'one'));
  await fixture.inside(id, 'ln -s /etc /tmp/link; ln -s ../../../../../.. /tmp/up');
  await containers.putArchive(id, '/tmp/link', tar('put', 'two'));
  expect(await fixture.inside(id, 'cat /tmpfs/a /etc/put; stat -c %u:%a /etc/put')).toBe('onetwo33:640\n');
  expect(await containers.statPath(id, '/tmp/link')).toMatchObject({ name: 'link', linkTarget: '/etc' });
  await expect(containers.getArchive(id, '/missing')).rejects.toThrow('Could not find the file');
  await containers.putArchive(id, '/tmp/up', tar('escaped', 'x'));
  expect(await fixture.inside(id, 'cat /escaped')).toBe('x');
  const { existsSync } = await import('node:fs');
  expect(existsSync('/escaped')).toBe(false);
  await containers.stop(id, { timeoutSeconds: 0 });
  const out = await containers.getArchive(id, '/etc/put');
  expect(out.stat).toMatchObject({ name: 'put', sizeBytes: 3 });
  const chunks: Buffer[] = [];
  for await (const chunk of out.tar as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  expect(Buffer.concat(chunks).subarray(512, 515).toString()).toBe('two');
  const changes = await containers.diff(id);
  expect(changes.map((change) => change.path)).not.toContain('/etc/hosts');
  expect(changes).toContainEqual({ path: '/etc', kind: 'modified' });
  expect(changes).toContainEqual({ path: '/etc/put', kind: 'added' });
  await fixture.remove(id);
});

test('a commit becomes an image, is pushed, pulled anew, and run', async () => {
  const { containers, images } = fixture.engine;
  const id = await fixture.start(sleeper);
  await fixture.inside(id, 'echo committed > /note; rm /etc/group /.dockerenv');
  expect(await containers.diff(id)).toContainEqual({ path: '/.dockerenv', kind: 'deleted' });
  const reference = `${registry.domain}/made/here:1`;
  const imageId = await images.commit(id, {
    reference,
    ...{ changes: ['CMD ["cat", "/note"]', 'LABEL a=b'], message: 'a note', author: 'Ada <ada@example.org>' },
  });
  expect(await images.inspect(imageId)).toMatchObject({ comment: 'a note', author: 'Ada <ada@example.org>' });
  expect((await images.history(imageId))[0]).toMatchObject({ id: imageId, comment: 'a note' });
  await fixture.remove(id);
  const pushed = await images.push(reference);
  expect((await images.remove(reference)).deleted[0]).toBe(imageId);
  await expect(containers.create({ ...none, image: reference })).rejects.toThrow('No such image');
  const pulled = await images.pull(reference);
  expect(pulled).toMatchObject({ digest: pushed.digest, imageId, isNew: true });
  expect(await images.inspect(reference)).toMatchObject({ labels: { a: 'b' }, tags: [reference] });
  const again = await fixture.start({ ...none, image: reference });
  await containers.wait(again);
  expect(await logText(again)).toBe('committed\n');
  // A whiteout of the mark is in the image, and the new container has a mark of its own all the same.
  expect(await containers.statPath(again, '/.dockerenv')).toMatchObject({ sizeBytes: 0 });
  const nameless = await images.commit(again, {});
  expect(await images.inspect(nameless)).toMatchObject({ comment: '', author: '' });
  await images.remove(nameless);
  await expect(images.remove(reference)).rejects.toThrow('image is being used by stopped container');
  await fixture.remove(again);
  await images.remove(reference);
});

test('logs: tail, since, follow until the end, rotation', async () => {
  const { containers } = fixture.engine;
  const id = await fixture.start({
    ...none,
    cmd: ['sh', '-c', 'for i in $(seq 1 20); do echo line $i; sleep 0.05; done'],
    logging: { options: { 'max-size': '64', 'max-file': '50' } },
  });
  const followed: string[] = [];
  for await (const record of containers.logs(id, { follow: true })) {
    followed.push(record.data.toString().trim());
  }
  const all = Array.from({ length: 20 }, (_, index) => `line ${String(index + 1)}`);
  expect(followed).toEqual(all);
  const read = async (options: Parameters<typeof containers.logs>[1]): Promise<string[]> => {
    const lines: string[] = [];
    for await (const record of containers.logs(id, options)) {
      lines.push(record.data.toString().trim());
    }
    return lines;
  };
  expect(await read({})).toEqual(all);
  expect(await read({ tail: 3 })).toEqual(all.slice(-3));
  expect(await read({ tail: 0 })).toEqual([]);
  expect(await read({ stdout: false })).toEqual([]);
  const middle: number[] = [];
  for await (const record of containers.logs(id)) {
    middle.push(record.timeMs);
  }
  expect(await read({ sinceMs: middle[10] ?? 0 })).toEqual(all.slice(10));
  expect(await read({ untilMs: middle[9] ?? 0 })).toEqual(all.slice(0, 10));
  expect(await read({ sinceMs: middle[5] ?? 0, tail: 2 })).toEqual(all.slice(-2));
  await fixture.remove(id);
});

test('namespaces are shared when asked for', async () => {
  const first = await fixture.start({ ...sleeper, namespaces: { ipc: 'shareable' } });
  const second = await fixture.start({
    ...sleeper,
    network: { mode: `container:${first}` },
    namespaces: { pid: `container:${first}`, ipc: `container:${first}` },
  });
  await fixture.inside(first, 'echo shared > /dev/shm/x');
  expect(await fixture.inside(second, 'cat /dev/shm/x; cat /proc/[0-9]*/comm | grep -c sleep')).toMatch(
    /^shared\n2\n/,
  );
  const host = await fixture.start({ ...sleeper, network: { mode: 'host' }, namespaces: { uts: 'host' } });
  const { hostname } = await import('node:os');
  expect((await fixture.inside(host, 'hostname')).trim()).toBe(hostname());
  await fixture.remove(second, first, host);
});

test('privileged containers have devices, open paths and no filter', async () => {
  const id = await fixture.start({ ...sleeper, security: { privileged: true } });
  expect(
    await fixture.inside(
      id,
      'grep Seccomp: /proc/1/status; mount -t tmpfs x /tmp && echo mounted; test -e /dev/full && echo device',
    ),
  ).toBe('Seccomp:\t0\nmounted\ndevice\n');
  const top = await fixture.engine.containers.top(id);
  expect(top.processes.map((row) => row.at(-1))).toEqual(['sleep 1000']);
  await fixture.remove(id);
});

test('names and prefixes are resolved, taken names refused in words of Docker', async () => {
  const { containers } = fixture.engine;
  const { id } = await containers.create({ ...sleeper, name: 'worker-1' });
  expect(containers.resolve('/worker-1')).toBe(id);
  expect(containers.resolve(id.slice(0, 12))).toBe(id);
  await expect(containers.create({ ...sleeper, name: 'worker-1' })).rejects.toThrow(
    `Conflict. The container name "/worker-1" is already in use by container "${id}"`,
  );
  await containers.rename(id, 'worker-2');
  expect(() => containers.resolve('worker-1')).toThrow('No such container: worker-1');
  await fixture.remove(id);
});
