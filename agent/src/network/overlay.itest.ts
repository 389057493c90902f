import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { WireEndpoint, WireNetwork, WireService } from '@skep/wire';

import type { ClusterNetworkState } from './state.ts';
import { TestHosts } from './testing/hosts.ts';
import type { TestHost } from './testing/hosts.ts';

const ECHO = fileURLToPath(new URL('./testing/echo-server.mjs', import.meta.url));

const network = (id: string, vni: number, subnet: string, more: Partial<WireNetwork> = {}): WireNetwork => ({
  id,
  name: id,
  vni,
  subnets: [{ subnet, gateway: subnet.replace(/0\/24$/, '1') }],
  isInternal: false,
  isIngress: false,
  isAttachable: true,
  ...more,
});

const NETWORKS = [
  network('ingress', 4096, '10.0.0.0/24', { isIngress: true }),
  network('front', 4097, '10.0.1.0/24'),
  network('back', 4098, '10.0.2.0/24'),
  network('inner', 4099, '10.0.3.0/24', { isInternal: true }),
];

const WEB: WireService = {
  id: 'svcweb',
  name: 'web',
  mode: 'vip',
  virtualIps: [{ networkId: 'front', address: '10.0.1.2' }],
  ingressPorts: [{ protocol: 'tcp', targetPort: 80, publishedPort: 8080, publishMode: 'ingress' }],
  aliases: [{ networkId: 'front', names: ['www'] }],
};

let hosts: TestHosts;
let endpoints: WireEndpoint[] = [];
/** Containers by name: `web1` on host 1, `web2` and `tool` on host 2, `other` (network back) on host 3. */
const ids = new Map<string, { readonly host: TestHost; readonly id: string }>();

function stateFor(host: TestHost): ClusterNetworkState {
  return {
    self: { nodeId: host.name, dataPathAddr: host.address, dataPathPort: 4789 },
    networks: NETWORKS,
    peers: hosts.all
      .filter((peer) => peer !== host)
      .map((peer) => ({ nodeId: peer.name, hostname: peer.name, addr: peer.address, isReady: true })),
    services: [WEB],
    endpoints,
  };
}

async function push(): Promise<void> {
  await Promise.all(hosts.all.map((host) => host.call('setClusterState', stateFor(host))));
}

async function start(name: string, hostNumber: number, at: Readonly<Record<string, string>>): Promise<void> {
  const host = hosts.host(hostNumber);
  const { id } = await host.run({
    name,
    taskId: name,
    attachments: Object.entries(at).map(([networkId, ipv4Address]) => ({ network: networkId, ipv4Address })),
  });
  ids.set(name, { host, id });
  endpoints = [
    ...endpoints,
    ...Object.entries(at).map(([networkId, address]) => ({
      id: `${name}/${networkId}`,
      taskId: name,
      taskName: name,
      serviceId: name.startsWith('web') ? WEB.id : `svc${name}`,
      nodeId: host.name,
      networkId,
      address,
      isServing: true,
    })),
  ];
}

function inside(name: string, command: string): Promise<string> {
  const place = ids.get(name);
  return place === undefined ? Promise.reject(new Error(name)) : place.host.inside(place.id, command);
}

/** A machine under load may take seconds for an answer; that none comes is only waited for a second. */
const ping = (address: string, waitSeconds = 5): string =>
  `busybox ping -c 1 -W ${String(waitSeconds)} ${address} >/dev/null 2>&1 && echo reached || echo lost`;
const ask = (address: string, port = 80): string =>
  `timeout 8 busybox nc ${address} ${String(port)} </dev/null`;

beforeAll(async () => {
  hosts = await TestHosts.make(3);
  await Promise.all(hosts.all.map((host) => host.start()));
  await push();
  await start('web1', 1, { ingress: '10.0.0.11', front: '10.0.1.11' });
  await start('web2', 2, { ingress: '10.0.0.12', front: '10.0.1.12' });
  await start('tool', 2, { front: '10.0.1.13' });
  await start('other', 3, { back: '10.0.2.11' });
  await start('shut1', 1, { inner: '10.0.3.11' });
  await start('shut3', 3, { inner: '10.0.3.13' });
  for (const name of ['web1', 'web2']) {
    const place = ids.get(name);
    place?.host.serve(place.id, process.execPath, [ECHO, '80', name]);
  }
  await push();
  // The servers listen once they answer on their own loopback.
  await Promise.all(
    ['web1', 'web2'].map((name) =>
      inside(
        name,
        'for i in $(seq 100); do timeout 1 busybox nc 127.0.0.1 80 </dev/null && break; sleep 0.05; done',
      ),
    ),
  );
});

afterAll(async () => {
  await hosts.close();
});

describe('overlay networks', () => {
  test('containers on different hosts reach each other, and no other network', async () => {
    expect(await inside('web1', ping('10.0.1.12'))).toBe('reached');
    expect(await inside('tool', ping('10.0.1.11'))).toBe('reached');
    expect(await inside('tool', ping('10.0.1.12'))).toBe('reached');
    expect(await inside('tool', ping('10.0.2.11', 1))).toBe('lost');
    expect(await inside('other', ping('10.0.1.11', 1))).toBe('lost');
    expect(await inside('other', ping('10.0.0.11', 1))).toBe('lost');
  });

  test('a full-size packet passes', async () => {
    expect(await inside('tool', 'ip -o link show eth0')).toMatch(/mtu 1450/);
    // 1450 - 20 (IP) - 8 (ICMP)
    expect(await inside('tool', 'busybox ping -s 1422 -c 1 -W 5 10.0.1.11')).toMatch(/1430 bytes from/);
  });

  test('an address nobody has is refused at once', async () => {
    expect(await inside('tool', 'busybox nc 10.0.1.77 80')).toMatch(/No route to host|unreachable/i);
  });

  test('a container cannot speak with an address that is not its own', async () => {
    await inside('tool', 'ip address add 10.0.1.200/32 dev eth0');
    const outcome = await inside(
      'tool',
      'busybox ping -I 10.0.1.200 -c 1 -W 1 10.0.1.11 >/dev/null && echo reached || echo lost',
    );
    expect(outcome).toBe('lost');
    await inside('tool', 'ip address del 10.0.1.200/32 dev eth0');
  });

  test('an internal network works inside and has no way out', async () => {
    expect(await inside('shut1', ping('10.0.3.13'))).toBe('reached');
    expect(await inside('shut1', ping('10.88.0.200', 1))).toBe('lost');
    expect(await inside('shut1', ask('10.88.0.1', 8080))).not.toMatch(/web/);
  });

  test('others have a way out, under the address of their host', async () => {
    expect(await inside('tool', ping('10.88.0.200'))).toBe('reached');
    expect(await inside('web1', ping('10.88.0.200'))).toBe('reached');
  });
});

describe('service addresses', () => {
  test('spread over the tasks, also from a task of the service to itself', async () => {
    const answers = new Set<string>();
    for (let round = 0; round < 24; round += 1) {
      answers.add(await inside('tool', ask('10.0.1.2')));
    }
    expect([...answers].sort()).toEqual(['web1 10.0.1.13', 'web2 10.0.1.13']);
    const own = new Set<string>();
    for (let round = 0; round < 24; round += 1) {
      own.add((await inside('web1', ask('10.0.1.2'))).split(' ')[0] ?? '');
    }
    expect([...own].sort()).toEqual(['web1', 'web2']);
  });

  test('are answered by name, with tasks.<service>, alias and task name', async () => {
    const resolve = (name: string): Promise<string> =>
      inside(
        'tool',
        `busybox nslookup -type=a ${name} 127.0.0.11 | sed -n 's/^Address: //p' | sort | tr '\\n' ' '`,
      );
    expect(await resolve('web')).toBe('10.0.1.2');
    expect(await resolve('WWW')).toBe('10.0.1.2');
    expect(await resolve('tasks.web')).toBe('10.0.1.11 10.0.1.12');
    expect(await resolve('web1')).toBe('10.0.1.11');
    expect(await resolve('other')).toBe('');
  });

  test('an endpoint that no longer serves gets no new connection', async () => {
    const before = endpoints;
    endpoints = endpoints.map((endpoint) => ({ ...endpoint, isServing: endpoint.taskId !== 'web1' }));
    await push();
    for (let round = 0; round < 12; round += 1) {
      expect(await inside('tool', ask('10.0.1.2'))).toBe('web2 10.0.1.13');
    }
    endpoints = before;
    await push();
  });
});

describe('routing mesh', () => {
  test.each([1, 2, 3])(
    'the client outside is seen with its own address when it asks host %i',
    async (number) => {
      for (let round = 0; round < 8; round += 1) {
        expect(await hosts.client(ask(`10.88.0.${String(number)}`, 8080))).toMatch(
          /^web[12] 10\.88\.0\.200$/,
        );
      }
    },
  );

  test('a host with a task answers by it', async () => {
    for (let round = 0; round < 8; round += 1) {
      expect(await hosts.client(ask('10.88.0.1', 8080))).toBe('web1 10.88.0.200');
    }
  });

  test.each([1, 3])('host %i reaches the port on its own address and on 127.0.0.1', async (number) => {
    const host = hosts.host(number);
    expect(await host.shell(ask(host.address, 8080))).toMatch(/^web[12] 10\.88\.0\./);
    expect(await host.shell(ask('127.0.0.1', 8080))).toMatch(/^web[12] /);
  });

  test('containers reach it by the address of any host', async () => {
    for (const number of [1, 2, 3]) {
      expect(await inside('tool', ask(`10.88.0.${String(number)}`, 8080))).toMatch(/^web[12] 10\./);
      expect(await inside('web2', ask(`10.88.0.${String(number)}`, 8080))).toMatch(/^web[12] 10\./);
      expect(await inside('other', ask(`10.88.0.${String(number)}`, 8080))).toMatch(/^web[12] 10\./);
    }
  });
});

describe('restart and removal', () => {
  /** Everything of ours in the kernel, as lines without an order. */
  const listing = async (host: TestHost): Promise<string> => {
    const lines = await host.shell(
      'nft -s list ruleset; ip -o link | sed "s/^[0-9]*: //;s/@.*mtu/ mtu/"; ip -o -4 address | sed "s/^[0-9]*: //"; ' +
        'ip -4 route show table all | grep -v "^local\\|^broadcast"; ip rule; ' +
        'ip neigh show nud permanent; bridge fdb | grep dst',
    );
    return lines.split('\n').sort().join('\n');
  };

  test('a manager that comes back changes nothing and serves names before it hears of the cluster', async () => {
    const host = hosts.host(2);
    const before = await listing(host);
    await host.crash();
    expect(await inside('web2', ping('10.0.1.11'))).toBe('reached');
    expect(await hosts.client(ask('10.88.0.2', 8080))).toBe('web2 10.88.0.200');
    await host.start();
    expect(await listing(host)).toBe(before);
    expect((await host.call('stats', null)).problems).toEqual([]);
    expect(await inside('tool', 'busybox nslookup -type=a web 127.0.0.11')).toContain('10.0.1.2');
    await host.call('setClusterState', stateFor(host));
    expect(await listing(host)).toBe(before);
  });

  test('what others change is put right', async () => {
    const host = hosts.host(1);
    const before = await listing(host);
    await host.shell('ip route flush table 5300; nft delete table ip skep; ip link del skx1001');
    await host.crash();
    await host.start();
    expect(await listing(host)).toBe(before);
    expect((await host.call('stats', null)).problems).toEqual([]);
    expect(await inside('web1', ping('10.0.1.12'))).toBe('reached');
  });

  test('removing everything leaves nothing behind', async () => {
    const host = hosts.host(3);
    await host.call('removeAll', null);
    const left = await host.shell(
      'for i in $(seq 40); do ip -o link | grep -q " sk" || break; sleep 0.05; done; ip -o link | grep " sk"; ' +
        'nft list ruleset; ip rule | grep -v "^0:\\|^3276[67]:"; ip route show table all | grep "sk\\|table 53"',
    );
    expect(left).toBe('');
  });
});
