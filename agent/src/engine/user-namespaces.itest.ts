import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TarReader, buildTar, type IdMap, type TarEntry } from '@skep/oci';
import type { ContainerConfig } from './container-config.ts';
import { EngineFixture, until } from './testing/engine-fixture.ts';

const UID = 1_000_000;
const GID = 2_000_000;
const SIZE = 65_536;
const idMap: IdMap = {
  uids: [{ containerId: 0, hostId: UID, size: SIZE }],
  gids: [{ containerId: 0, hostId: GID, size: SIZE }],
};
/** cap_net_raw=ep, as setcap(8) writes it. */
const RAW_SOCKETS = new Map([
  ['security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex')],
]);
const none = { image: 'busybox', network: { mode: 'none' } } as const;
const sleeper = { ...none, cmd: ['sleep', '1000'] } as const;

let fixture: EngineFixture;

beforeAll(async () => {
  fixture = await EngineFixture.create({ idMap });
  await fixture.loadBusybox('busybox:latest', {
    files: [
      { path: 'srv/of-root', type: 'file', content: 'image', mode: 0o600 },
      { path: 'srv/of-user', type: 'file', content: 'image', mode: 0o600, uid: 33, gid: 34 },
      {
        path: 'opt/ping',
        type: 'file',
        content: readFileSync('/bin/busybox'),
        mode: 0o755,
        xattrs: RAW_SOCKETS,
      },
    ],
  });
});

afterAll(async () => {
  expect(await fixture.destroy()).toEqual([]);
});

async function pidOf(id: string): Promise<number> {
  return (await fixture.engine.containers.inspect(id)).state.pid;
}

function ownerOf(path: string): string {
  const { uid, gid } = statSync(path);
  return `${String(uid)}:${String(gid)}`;
}

async function entriesOf(tar: Readable): Promise<ReadonlyMap<string, TarEntry>> {
  const entries = new Map<string, TarEntry>();
  const reader = new TarReader({
    entry: (entry) => entries.set(entry.path.replace(/\/$/, ''), entry),
    data: () => undefined,
    entryEnd: () => undefined,
  });
  for await (const chunk of tar as AsyncIterable<Buffer>) {
    reader.push(chunk);
  }
  reader.finish();
  return entries;
}

/** Goal: root inside is nobody outside, and nothing else is different. Method: look from both sides, under each runtime. */
describe.each(['crun', 'runc'])('under %s', (runtime) => {
  let id: string;

  beforeAll(async () => {
    id = await fixture.start({ ...sleeper, runtime });
  });

  afterAll(async () => {
    await fixture.remove(id);
  });

  test('root is a subordinate user of the host, in a namespace of its own', async () => {
    const pid = await pidOf(id);
    expect(readFileSync(`/proc/${String(pid)}/status`, 'utf8')).toContain(
      `Uid:\t${String(UID)}\t${String(UID)}\t${String(UID)}\t${String(UID)}\n` +
        `Gid:\t${String(GID)}\t${String(GID)}\t${String(GID)}\t${String(GID)}\n`,
    );
    expect(await fixture.inside(id, 'id -u; id -g; cat /proc/self/uid_map')).toMatch(
      new RegExp(`^0\\n0\\n\\s+0\\s+${String(UID)}\\s+${String(SIZE)}\\n$`),
    );
    const second = await fixture.start({ ...sleeper, runtime });
    const namespaceOf = (of: number): number => statSync(`/proc/${String(of)}/ns/user`).ino;
    const namespaces = [process.pid, pid, await pidOf(second)].map(namespaceOf);
    expect(new Set(namespaces).size).toBe(3);
    await fixture.remove(second);
  });

  test('files of the image have the owners that the image says, and can be changed', async () => {
    expect(
      await fixture.inside(id, 'stat -c "%u:%g %n" / /srv /srv/of-root /srv/of-user /bin /.dockerenv'),
    ).toBe('0:0 /\n0:0 /srv\n0:0 /srv/of-root\n33:34 /srv/of-user\n0:0 /bin\n0:0 /.dockerenv\n');
    expect(
      await fixture.inside(
        id,
        'cat /srv/of-root; echo more >> /srv/of-user; chown 5:6 /srv/of-root; echo x > /new; rm /etc/group; ' +
          'stat -c "%u:%g" /srv/of-root /srv/of-user /new; su -s /bin/sh nobody -c "cat /srv/of-user" 2>&1',
      ),
    ).toMatch(/^image5:6\n33:34\n0:0\n.*denied/s);
    const { overlay } = await fixture.engine.containers.inspect(id);
    expect(ownerOf(join(overlay.upper, 'new'))).toBe(`${String(UID)}:${String(GID)}`);
    const image = overlay.lower.find((layer) => existsSync(join(layer, 'srv/of-user'))) ?? '';
    expect([ownerOf(join(image, 'srv/of-root')), ownerOf(join(image, 'srv/of-user'))]).toEqual([
      '0:0',
      '33:34',
    ]);
    expect(await fixture.engine.containers.diff(id)).toEqual(
      expect.arrayContaining([
        { path: '/etc/group', kind: 'deleted' },
        { path: '/new', kind: 'added' },
        { path: '/srv/of-user', kind: 'modified' },
      ]),
    );
  });

  test('what belongs to the host cannot be touched', async () => {
    const secret = join(fixture.root, `secret-${runtime}`);
    writeFileSync(secret, 'host only', { mode: 0o600 });
    const other = await fixture.start({
      ...sleeper,
      runtime,
      mounts: [{ type: 'bind', source: fixture.root, target: '/host' }],
    });
    expect(
      await fixture.inside(
        other,
        `cat /host/secret-${runtime} 2>&1; stat -c "%u:%g" /host/secret-${runtime}`,
      ),
    ).toMatch(/Permission denied\n65534:65534\n$/);
    expect(await fixture.inside(other, 'chown 0:0 /host 2>&1; mknod /dev/sda b 8 0 2>&1')).toMatch(
      /not permitted.*not permitted/s,
    );
    expect(ownerOf(secret)).toBe('0:0');
    await fixture.remove(other);
  });

  test('capabilities of files count in it, and only in it', async () => {
    const pings = (of: string): Promise<string> =>
      fixture.inside(of, '/opt/ping -c 1 127.0.0.1 2>&1', 'nobody');
    expect(await pings(id)).toContain('1 packets received');
    // A copy is made by the container: its capability counts for the container's root alone, until it is in an image.
    await fixture.inside(id, 'chmod 700 /opt/ping; chmod 755 /opt/ping');
    expect(await pings(id)).toContain('1 packets received');
    const image = await fixture.engine.images.commit(id, {});
    for (const user of ['', 'host']) {
      const again = await fixture.start({ ...sleeper, runtime, image, namespaces: { user } });
      expect(await pings(again)).toContain('1 packets received');
      await fixture.remove(again);
    }
    await fixture.engine.images.remove(image);
  });

  test('its own system files are its own', async () => {
    expect(
      await fixture.inside(
        id,
        'stat -c "%u:%g" /etc/hosts /etc/hostname /etc/resolv.conf /dev/shm; echo "# x" >> /etc/hosts',
      ),
    ).toBe('0:0\n0:0\n0:0\n0:0\n');
    const parameters =
      'cd /proc/sys/net/ipv4; cat ip_unprivileged_port_start ping_group_range; ping -c 1 127.0.0.1';
    expect(await fixture.inside(id, parameters)).toMatch(/^0\n0\t65535\n.*1 packets received/s);
  });

  test('output that a program sends to /dev/stdout arrives', async () => {
    const talker = await fixture.start({
      ...none,
      runtime,
      cmd: ['sh', '-c', 'echo out > /dev/stdout; echo err > /dev/stderr'],
    });
    expect(await fixture.engine.containers.wait(talker)).toMatchObject({ exitCode: 0 });
    const lines: string[] = [];
    for await (const record of fixture.engine.containers.logs(talker)) {
      lines.push(`${record.stream} ${record.data.toString()}`);
    }
    expect(lines.sort()).toEqual(['stderr err\n', 'stdout out\n']);
    await fixture.remove(talker);
  });

  test('restart keeps the files, and the map', async () => {
    await fixture.inside(id, 'echo kept > /kept; chown 7 /kept');
    await fixture.engine.containers.restart(id, { timeoutSeconds: 0 });
    expect(await fixture.inside(id, 'cat /kept; stat -c %u /kept')).toBe('kept\n7\n');
  });

  test('the host is shared on demand only, and then in all', async () => {
    const host = await fixture.start({ ...sleeper, runtime, namespaces: { user: 'host' } });
    expect(readFileSync(`/proc/${String(await pidOf(host))}/status`, 'utf8')).toContain('Uid:\t0\t0\t0\t0\n');
    expect(await fixture.inside(host, 'stat -c "%u:%g" / /srv/of-user')).toBe('0:0\n33:34\n');
    const privileged = await fixture.start({
      ...sleeper,
      runtime,
      namespaces: { user: 'host' },
      security: { privileged: true },
    });
    await fixture.remove(host, privileged);
    const refused = fixture.engine.containers.create({ ...sleeper, security: { privileged: true } });
    await expect(refused).rejects.toThrow('privileged mode is incompatible with user namespaces');
  });

  test.each<[string, Partial<ContainerConfig>]>([
    ['the IPC namespace of the host', { namespaces: { ipc: 'host' } }],
    ['a terminal', { tty: true, openStdin: true }],
    ['a read-only root', { readOnlyRootfs: true }],
    ['all capabilities', { security: { capAdd: ['ALL'] } }],
    ['no new privileges', { security: { options: ['no-new-privileges'] } }],
    ['devices', { resources: { devices: [{ pathOnHost: '/dev/fuse' }] } }],
    [
      'limits',
      {
        resources: { memoryBytes: 2 ** 26, pidsLimit: 20, ulimits: [{ name: 'nofile', soft: 99, hard: 99 }] },
      },
    ],
    ['another user', { user: 'nobody' }],
    ['cgroups of its own', { namespaces: { cgroup: 'private' } }],
  ])('it starts with %s', async (_name, config) => {
    const other = await fixture.start({ ...sleeper, runtime, ...config });
    const { uid } = statSync(`/proc/${String(await pidOf(other))}`);
    expect(uid).toBe(config.user === 'nobody' ? UID + 65_534 : UID);
    expect((await fixture.engine.execs.run(other, { cmd: ['id'] })).exitCode).toBe(0);
    await fixture.remove(other);
  });

  test('containers that share a namespace are in one user namespace', async () => {
    const first = await fixture.start({ ...sleeper, runtime, namespaces: { ipc: 'shareable' } });
    const second = await fixture.start({
      ...sleeper,
      runtime,
      network: { mode: `container:${first}` },
      namespaces: { pid: `container:${first}`, ipc: `container:${first}` },
    });
    await fixture.inside(first, 'echo shared > /dev/shm/x');
    expect(await fixture.inside(second, 'cat /dev/shm/x')).toBe('shared\n');
    const host = await fixture.start({ ...sleeper, runtime, namespaces: { user: 'host' } });
    const { id: stranger } = await fixture.engine.containers.create({
      ...sleeper,
      runtime,
      namespaces: { pid: `container:${host}` },
    });
    await expect(fixture.engine.containers.start(stranger)).rejects.toThrow(
      'it is in another user namespace',
    );
    await fixture.remove(stranger, host, second, first);
  });
});

test('volumes belong to the root of the container, binds to whom they did', async () => {
  const source = join(fixture.root, 'bound');
  mkdirSync(source);
  const id = await fixture.start({
    ...sleeper,
    mounts: [
      { type: 'volume', source: 'plain', target: '/plain' },
      { type: 'volume', source: 'filled', target: '/srv' },
      { type: 'bind', source, target: '/bound' },
    ],
  });
  expect(
    await fixture.inside(
      id,
      'echo x > /plain/x; stat -c "%u:%g" /plain /plain/x /srv/of-root /srv/of-user /bound',
    ),
  ).toBe('0:0\n0:0\n0:0\n33:34\n65534:65534\n');
  const { mountpoint } = await fixture.engine.volumes.inspect('filled');
  expect(ownerOf(join(mountpoint, 'of-user'))).toBe(`${String(UID + 33)}:${String(GID + 34)}`);
  expect(ownerOf(source)).toBe('0:0');
  await fixture.remove(id);
  await fixture.engine.volumes.remove('plain');
  await fixture.engine.volumes.remove('filled');
});

test('secrets and configs have the owners they were given', async () => {
  const id = await fixture.start({
    ...sleeper,
    files: [
      { kind: 'secret', target: 'key', content: Buffer.from('top'), uid: 33, gid: 34, mode: 0o400 },
      { kind: 'config', target: '/etc/app.conf', content: Buffer.from('a=1') },
    ],
  });
  expect(
    await fixture.inside(id, 'stat -c "%u:%g" /run/secrets/key /etc/app.conf; cat /run/secrets/key'),
  ).toBe('33:34\n0:0\ntop');
  expect(await fixture.inside(id, 'cat /run/secrets/key', '33')).toBe('top');
  await fixture.remove(id);
});

describe('files that go in and out', () => {
  const tar = (): Readable =>
    Readable.from([
      buildTar([{ path: 'sub/copied', type: 'file', content: 'two', uid: 33, gid: 34, mode: 0o640 }]),
    ]);

  test.each(['running', 'stopped'])('of a %s container keep their owners', async (state) => {
    const { containers } = fixture.engine;
    const id = await fixture.start(sleeper);
    await fixture.inside(id, 'mkdir /tmp/in');
    if (state === 'stopped') {
      await containers.stop(id, { timeoutSeconds: 0 });
    }
    await containers.putArchive(id, '/tmp/in', tar());
    const entries = await entriesOf((await containers.getArchive(id, '/tmp/in')).tar);
    expect(entries.get('in/sub/copied')).toMatchObject({ uid: 33, gid: 34 });
    expect(entries.get('in/sub')).toMatchObject({ uid: 0, gid: 0 });
    await containers.start(id);
    expect(await fixture.inside(id, 'stat -c "%u:%g" /tmp/in/sub /tmp/in/sub/copied')).toBe('0:0\n33:34\n');
    const exported = await entriesOf(await containers.exportArchive(id));
    expect(exported.get('srv/of-user')).toMatchObject({ uid: 33, gid: 34 });
    expect(exported.get('bin')).toMatchObject({ uid: 0, gid: 0 });
    await fixture.remove(id);
  });

  test('an owner beyond the map is refused by name', async () => {
    const id = await fixture.start(sleeper);
    const far = Readable.from([buildTar([{ path: 'x', type: 'file', content: '', uid: 70_000 }])]);
    await expect(fixture.engine.containers.putArchive(id, '/', far)).rejects.toThrow(
      'Container ID 70000 cannot be mapped to a host ID',
    );
    await fixture.remove(id);
  });

  test('an image that is made of a container has the owners that it saw', async () => {
    const { containers, images } = fixture.engine;
    const id = await fixture.start(sleeper);
    await fixture.inside(id, 'echo made > /made; chown 33:34 /made');
    const imageId = await images.commit(id, { reference: 'committed' });
    await fixture.remove(id);
    const again = await fixture.start({ ...sleeper, image: imageId });
    expect(await fixture.inside(again, 'stat -c "%u:%g" /made /')).toBe('33:34\n0:0\n');
    const host = await fixture.start({ ...sleeper, image: imageId, namespaces: { user: 'host' } });
    expect(await fixture.inside(host, 'stat -c "%u:%g" /made')).toBe('33:34\n');
    await fixture.remove(again, host);
    await images.remove('committed');
    expect(await containers.list({ all: true })).toEqual([]);
  });
});

test('an image of many layers is mounted too', async () => {
  const { containers, images } = fixture.engine;
  let image = 'busybox';
  for (let i = 0; i < 40; i += 1) {
    const { id } = await containers.create({ ...none, image, cmd: ['true'] });
    await containers.putArchive(
      id,
      '/',
      Readable.from([buildTar([{ path: `layer-${String(i)}`, type: 'file', uid: i }])]),
    );
    image = await images.commit(id, { reference: `layered:${String(i)}` });
    await fixture.remove(id);
  }
  const id = await fixture.start({ ...sleeper, image });
  expect(await fixture.inside(id, 'stat -c "%u" /layer-0 /layer-39; ls / | grep -c layer')).toBe(
    '0\n39\n40\n',
  );
  await fixture.remove(id);
  for (let i = 0; i < 40; i += 1) {
    await images.remove(`layered:${String(i)}`);
  }
});

test('an engine that opens again takes remapped containers over, also without its flag', async () => {
  const lasting = await fixture.start(sleeper);
  const policy = await fixture.start({ ...sleeper, restartPolicy: { name: 'always' } });
  await fixture.close();
  await fixture.open();
  expect(await fixture.inside(lasting, 'id -u; touch /after; stat -c %u /after')).toBe('0\n0\n');
  await fixture.close();
  await fixture.open({});
  const { containers } = fixture.engine;
  expect((await fixture.engine.info()).usersAreRemapped).toBe(false);
  await containers.restart(lasting, { timeoutSeconds: 0 });
  expect(readFileSync(`/proc/${String(await pidOf(lasting))}/status`, 'utf8')).toContain(
    `Uid:\t${String(UID)}`,
  );
  process.kill(await pidOf(policy), 'SIGKILL');
  await until(async () => (await containers.inspect(policy)).restartCount === 1);
  await until(async () => (await containers.inspect(policy)).state.status === 'running');
  expect(await fixture.inside(policy, 'id -u')).toBe('0\n');
  await fixture.remove(policy);
  await fixture.close();
  const [range] = idMap.uids;
  const uids = [{ containerId: 0, hostId: (range?.hostId ?? 0) + SIZE, size: SIZE }];
  await fixture.open({ idMap: { uids, gids: uids } });
  expect(await fixture.inside(lasting, 'id -u')).toBe('0\n');
  await fixture.engine.containers.stop(lasting, { timeoutSeconds: 0 });
  await expect(fixture.engine.containers.start(lasting)).rejects.toThrow('owners of another --userns-remap');
  await fixture.remove(lasting);
  await fixture.close();
  await fixture.open();
});

test('what cannot work is said before the first container is made', async () => {
  const closed = join(fixture.root, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  const { Engine } = await import('./engine.ts');
  const opened = Engine.open({ dataRoot: join(closed, 'data'), runRoot: join(closed, 'run'), idMap });
  await expect(opened).rejects.toThrow(
    `--userns-remap: the remapped root (uid ${String(UID)}) cannot pass ${closed}: chmod o+x ${closed}`,
  );
  const { unmount } = await import('./runtime/system-calls.ts');
  unmount(join(closed, 'run/engine/files'));
  expect(readdirSync(join(fixture.root, 'run/engine/mapped'))).toEqual([]);
});
