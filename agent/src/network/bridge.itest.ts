import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { TestHosts } from './testing/hosts.ts';
import type { TestHost } from './testing/hosts.ts';

const ECHO = fileURLToPath(new URL('./testing/echo-server.mjs', import.meta.url));

let hosts: TestHosts;
let host: TestHost;
const ids = new Map<string, string>();

const id = (name: string): string => ids.get(name) ?? '';
const inside = (name: string, command: string): Promise<string> => host.inside(id(name), command);
const ask = (address: string, port: number): string =>
  `timeout 8 busybox nc ${address} ${String(port)} </dev/null`;
/** A machine under load may take seconds for an answer; that none comes is only waited for a second. */
const ping = (address: string, waitSeconds = 5): string =>
  `busybox ping -c 1 -W ${String(waitSeconds)} ${address} >/dev/null 2>&1 && echo reached || echo lost`;

async function serve(name: string, port: number): Promise<void> {
  host.serve(id(name), process.execPath, [ECHO, String(port), name]);
  await inside(
    name,
    `for i in $(seq 100); do timeout 1 busybox nc 127.0.0.1 ${String(port)} </dev/null && break; sleep 0.05; done`,
  );
}

beforeAll(async () => {
  hosts = await TestHosts.make(1);
  host = hosts.host(1);
  await host.start();
  await host.call('createLocalNetwork', { name: 'app' });
  await host.call('createLocalNetwork', { name: 'vault', isInternal: true });
  const run = async (name: string, input: Omit<Parameters<TestHost['run']>[0], 'name'>): Promise<void> => {
    ids.set(name, (await host.run({ name, ...input })).id);
  };
  await run('plain', { attachments: [{ network: 'bridge' }] });
  await run('web', {
    attachments: [{ network: 'bridge' }],
    publications: [
      { containerPort: 80, protocol: 'tcp', hostPort: 8080 },
      { containerPort: 80, protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 8081 },
      { containerPort: 80, protocol: 'tcp' },
    ],
  });
  await run('a', { attachments: [{ network: 'app', aliases: ['alpha'] }] });
  await run('b', { attachments: [{ network: 'app' }] });
  await run('v', { attachments: [{ network: 'vault' }] });
  await serve('web', 80);
});

afterAll(async () => {
  await hosts.close();
});

describe('bridge networks', () => {
  test('containers of one network reach each other and the world, not other networks', async () => {
    const web = host.containers.get(id('web'))?.prepared.interfaces[0]?.ipv4Address?.split('/')[0] ?? '';
    const b = host.containers.get(id('b'))?.prepared.interfaces[0]?.ipv4Address?.split('/')[0] ?? '';
    expect(web).toBe('172.17.0.3');
    expect(await inside('plain', ping(web))).toBe('reached');
    expect(await inside('a', ping(b))).toBe('reached');
    expect(await inside('a', ping(web, 1))).toBe('lost');
    expect(await inside('plain', ping(b, 1))).toBe('lost');
    expect(await inside('plain', ping('10.88.0.200'))).toBe('reached');
    expect(await inside('a', ping('10.88.0.200'))).toBe('reached');
    expect(await inside('v', ping('10.88.0.200', 1))).toBe('lost');
    expect(await hosts.client(`ip route add 172.17.0.0/16 via 10.88.0.1; ${ping(web, 1)}`)).toBe('lost');
  });

  test('names and aliases are answered on user-defined networks only', async () => {
    const resolve = (from: string, name: string): Promise<string> =>
      inside(from, `busybox nslookup -type=a ${name} 127.0.0.11 | sed -n 's/^Address: //p'`);
    expect(await resolve('b', 'a')).toMatch(/^172\.18\.0\.2$/);
    expect(await resolve('b', 'alpha.app')).toMatch(/^172\.18\.0\.2$/);
    expect(await resolve('v', 'a')).toBe('');
    expect(host.containers.get(id('b'))?.prepared.resolvConf).toMatch(/^nameserver 127\.0\.0\.11\n/);
    expect(host.containers.get(id('plain'))?.prepared.resolvConf).not.toMatch(/127\.0\.0\.11/);
  });
});

describe('published ports', () => {
  test('are reached from outside with the address of the client', async () => {
    expect(await hosts.client(ask('10.88.0.1', 8080))).toBe('web 10.88.0.200');
    expect(await hosts.client(ask('10.88.0.1', 8081))).toMatch(/refused/);
  });

  test('are reached from the host by its own address and by 127.0.0.1', async () => {
    expect(await host.shell(ask('10.88.0.1', 8080))).toMatch(/^web /);
    expect(await host.shell(ask('127.0.0.1', 8080))).toMatch(/^web /);
    expect(await host.shell(ask('127.0.0.1', 8081))).toMatch(/^web /);
    const chosen = host.containers.get(id('web'))?.prepared.ports[2]?.hostPort ?? 0;
    expect(chosen).toBeGreaterThanOrEqual(32_768);
    expect(await host.shell(ask('127.0.0.1', chosen))).toMatch(/^web /);
  });

  test('are reached from containers, also by the one that serves them', async () => {
    expect(await inside('plain', ask('10.88.0.1', 8080))).toMatch(/^web /);
    expect(await inside('plain', ask('172.17.0.1', 8080))).toMatch(/^web /);
    expect(await inside('web', ask('10.88.0.1', 8080))).toMatch(/^web /);
    expect(await inside('a', ask('10.88.0.1', 8080))).toMatch(/^web /);
    expect(await inside('v', ask('10.88.0.1', 8080))).toMatch(/unreachable/);
  });

  test('a taken port is refused and nothing stays of the container', async () => {
    const attempt = host.run({
      name: 'second',
      attachments: [{ network: 'bridge' }],
      publications: [{ containerPort: 80, protocol: 'tcp', hostPort: 8080 }],
    });
    await expect(attempt).rejects.toThrow('port is already allocated');
    host.serveOnHost(process.execPath, [ECHO, '9090', 'host']);
    await host.shell(`for i in $(seq 100); do ${ask('127.0.0.1', 9090)} && break; sleep 0.05; done`);
    const other = host.run({
      name: 'third',
      attachments: [{ network: 'bridge' }],
      publications: [{ containerPort: 80, protocol: 'tcp', hostPort: 9090 }],
    });
    await expect(other).rejects.toThrow('port is already allocated');
    const next = await host.run({ name: 'next', attachments: [{ network: 'bridge' }] });
    expect(next.prepared.interfaces[0]?.ipv4Address).toBe('172.17.0.4/16');
    await host.remove(next.id);
  });
});

describe('changes of a running container', () => {
  test('connect and disconnect', async () => {
    const after = await host.call('connect', { containerId: id('plain'), network: 'app' });
    expect(after.interfaces.map((item) => item.interfaceName)).toEqual(['eth0', 'eth1']);
    expect(await inside('plain', ping('172.18.0.2'))).toBe('reached');
    expect(await inside('plain', 'busybox nslookup -type=a a 127.0.0.11')).toContain('172.18.0.2');
    const left = await host.call('disconnect', { containerId: id('plain'), network: 'bridge' });
    expect(left.interfaces.map((item) => item.networkName)).toEqual(['app']);
    // The default route moved to the network that is left.
    expect(await inside('plain', ping('10.88.0.200'))).toBe('reached');
    await host.call('connect', { containerId: id('plain'), network: 'bridge' });
    await host.call('disconnect', { containerId: id('plain'), network: 'app' });
    expect(await inside('plain', ping('172.18.0.2', 1))).toBe('lost');
    expect(await inside('plain', ping('10.88.0.200'))).toBe('reached');
  });

  test('a manager that comes back holds the ports and the addresses', async () => {
    await host.crash();
    await host.start();
    expect(await hosts.client(ask('10.88.0.1', 8080))).toBe('web 10.88.0.200');
    const attempt = host.run({
      name: 'late',
      attachments: [{ network: 'bridge' }],
      publications: [{ containerPort: 80, protocol: 'tcp', hostPort: 8080 }],
    });
    await expect(attempt).rejects.toThrow('port is already allocated');
    expect(await inside('b', 'busybox nslookup -type=a a 127.0.0.11')).toContain('172.18.0.2');
  });

  test('many containers at once get different addresses', async () => {
    const made = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        host.run({ name: `many${String(index)}`, attachments: [{ network: 'app' }] }),
      ),
    );
    const addresses = new Set(made.map((item) => item.prepared.interfaces[0]?.ipv4Address));
    expect(addresses.size).toBe(12);
    await Promise.all(made.map((item) => host.remove(item.id)));
    expect((await host.call('stats', null)).problems).toEqual([]);
  });
});
