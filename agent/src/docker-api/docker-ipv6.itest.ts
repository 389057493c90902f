import { existsSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SwarmdFixture, hasDockerCli } from './testing/swarmd-fixture.ts';

const OUTSIDE = '2001:db8:99::254';
const HOST = '2001:db8:99::1';

/** Who says a word listens anew for each connection, and is not there for a moment in between. */
const PATIENT = { timeout: 10_000 };

/** IPv6 on bridge networks, by the unmodified docker CLI on the real kernel. Needs root and a kernel with IPv6. */
describe.skipIf(!hasDockerCli() || !existsSync('/proc/net/if_inet6'))('IPv6 on bridge networks', () => {
  let host: SwarmdFixture;

  beforeAll(async () => {
    host = await SwarmdFixture.start();
    // A neighbour of the host, beyond its uplink.
    host.onHost(
      [
        'ip netns add outside',
        'ip link set up1 netns outside',
        'ip netns exec outside ip link set lo up',
        'ip netns exec outside ip addr add 10.99.0.254/24 dev up1',
        `ip netns exec outside ip addr add ${OUTSIDE}/64 dev up1 nodad`,
        'ip netns exec outside ip link set up1 up',
        `ip addr add ${HOST}/64 dev up0 nodad`,
      ].join('; '),
    );
    await host.ok(
      'network',
      'create',
      '--ipv6',
      '--subnet',
      '10.71.0.0/24',
      '--subnet',
      'fd00:71::/64',
      'six',
    );
    await host.ok(
      'run',
      '-d',
      '--name',
      'web',
      '--network',
      'six',
      '--network-alias',
      'www',
      '-p',
      '8080:80',
      ...speaker('web'),
    );
    await host.ok('run', '-d', '--name', 'box', '--network', 'six', ...SLEEP);
  });

  afterAll(async () => {
    host.onHost('ip netns del outside');
    await host.stop();
  });

  const SLEEP = ['busybox', 'sleep', '1000'];
  const speaker = (word: string): string[] => [
    'busybox',
    'sh',
    '-c',
    `while :; do echo ${word} | nc -l -p 80; done`,
  ];
  const ping = (address: string): string =>
    `ping -6 -c 1 -W 1 ${address} >/dev/null 2>&1 && echo reached || echo lost`;
  const inside = (container: string, script: string): Promise<string> =>
    host.ok('exec', container, 'sh', '-c', script);
  const outside = (script: string): string => host.onHost(`ip netns exec outside sh -c '${script}'`);
  const answer = (address: string, port: number): string =>
    `timeout 3 busybox nc -w 2 ${address} ${String(port)} </dev/null 2>&1`;
  interface Endpoint {
    readonly [field: string]: unknown;
  }
  const endpoint = async (container: string, network: string): Promise<Endpoint> =>
    JSON.parse(
      await host.ok('inspect', '-f', `{{json (index .NetworkSettings.Networks "${network}")}}`, container),
    ) as Endpoint;
  const lookUp = (name: string, type = 'aaaa'): string =>
    `nslookup -type=${type} ${name} 127.0.0.11 | sed -n "s/^Address: //p"`;

  test('inspect tells of addresses, gateways and pools', async () => {
    expect(await endpoint('web', 'six')).toMatchObject({
      IPAddress: '10.71.0.2',
      GlobalIPv6Address: 'fd00:71::2',
      GlobalIPv6PrefixLen: 64,
      IPv6Gateway: 'fd00:71::1',
      MacAddress: expect.stringMatching(/^02:42:/),
    });
    const [network] = JSON.parse(await host.ok('network', 'inspect', 'six'));
    expect(network).toMatchObject({
      EnableIPv4: true,
      EnableIPv6: true,
      IPAM: {
        Config: [
          { Subnet: '10.71.0.0/24', Gateway: '10.71.0.1' },
          { Subnet: 'fd00:71::/64', Gateway: 'fd00:71::1' },
        ],
      },
    });
    const containers = Object.values(network.Containers as Record<string, Endpoint>);
    expect(containers.map((one) => one['IPv6Address']).sort()).toEqual(['fd00:71::2/64', 'fd00:71::3/64']);
    expect(await host.ok('network', 'ls', '--filter', 'name=six', '--format', '{{.IPv6}}')).toBe('true');
  });

  test("without a subnet one is chosen from the host's own block", async () => {
    await host.ok('network', 'create', '--ipv6', 'chosen');
    await host.ok('network', 'create', '--ipv6', 'chosen2');
    const subnets = await Promise.all(
      ['chosen', 'chosen2'].map((name) =>
        host.ok('network', 'inspect', '-f', '{{(index .IPAM.Config 1).Subnet}}', name),
      ),
    );
    expect(subnets[0]).toMatch(/^fd[0-9a-f]{2}:[0-9a-f:]+::\/64$/);
    expect(subnets[1]).toBe(subnets[0]?.replace('::/64', ':1::/64'));
    await host.ok('network', 'rm', 'chosen', 'chosen2');
  });

  test.each([
    [['--ipv6', '--subnet', 'fd00:71:0:0::/48'], 'Pool overlaps with other one on this address space'],
    [['--ipv6', '--subnet', '2001:db8:99::/64'], 'Pool overlaps with other one on this address space'],
    [['--ipv6', '--subnet', 'fd00:72::1/64'], 'invalid subnet fd00:72::1/64: it should be fd00:72::/64'],
    [['--subnet', 'fd00:72::/64'], 'create the network with --ipv6'],
    [['--ipv6', '--subnet', 'fd00:72::/64', '--subnet', 'fd00:73::/64'], 'at most one IPv6 subnet'],
    [['--ipv4=false', '--ipv6'], 'networks without IPv4 are not supported'],
  ])('%o is refused', async (options, message) => {
    expect(await host.refused('network', 'create', ...options, 'bad')).toContain(message);
  });

  test('containers reach each other, the gateway and the world, at once', async () => {
    expect(await inside('box', ping('fd00:71::2'))).toBe('reached');
    expect(await inside('box', ping('fd00:71::1'))).toBe('reached');
    expect(await inside('box', ping(OUTSIDE))).toBe('reached');
    // Its first packet: nothing waits for duplicate address detection.
    expect(await host.ok('run', '--rm', '--network', 'six', 'busybox', 'sh', '-c', ping(OUTSIDE))).toBe(
      'reached',
    );
    expect(await inside('box', 'cat /proc/sys/net/ipv6/conf/eth0/accept_ra')).toBe('0');
  });

  test('names have AAAA records and reverse ones; those of IPv4 stay', async () => {
    for (const name of ['web', 'www', 'web.six']) {
      expect([name, await inside('box', lookUp(name))]).toEqual([name, 'fd00:71::2']);
    }
    expect(await inside('box', lookUp('web', 'a'))).toBe('10.71.0.2');
    expect(await inside('box', 'nslookup fd00:71::2 127.0.0.11')).toContain('web.six');
    expect(await inside('box', 'ping -6 -c 1 -W 2 web >/dev/null && echo reached')).toBe('reached');
    expect(await inside('web', 'grep -c fd00:71::2 /etc/hosts')).toBe('1');
  });

  test('a network without IPv6 stays without it', async () => {
    await host.ok('network', 'create', '--subnet', '10.74.0.0/24', 'four');
    await host.ok('run', '-d', '--name', 'old', '--network', 'four', '-p', '8084:80', ...SLEEP);
    expect(await endpoint('old', 'four')).toMatchObject({ GlobalIPv6Address: '', IPv6Gateway: '' });
    expect(await inside('old', 'cat /proc/net/if_inet6 | grep -c eth0; true')).toBe('0');
    expect(await host.ok('port', 'old')).toBe('80/tcp -> 0.0.0.0:8084');
    expect(
      await host.refused('run', '--rm', '--network', 'four', '--ip6', 'fd00:74::9', 'busybox', 'true'),
    ).toContain('network four has no IPv6 subnet');
    expect(
      await host.refused('run', '--rm', '--network', 'four', '-p', '[::1]:8085:80', 'busybox', 'true'),
    ).toContain('is an IPv6 address, and the container has none to lead to');
    await host.ok('rm', '-f', 'old');
    await host.ok('network', 'rm', 'four');
  });

  test('--ip6 asks for an address; a taken one is refused', async () => {
    const run = ['run', '-d', '--name', 'wish', '--network', 'six', '--ip6', 'fd00:71::00ff'];
    await host.ok(...run, ...SLEEP);
    expect(await endpoint('wish', 'six')).toMatchObject({ GlobalIPv6Address: 'fd00:71::ff' });
    expect(
      await host.refused('run', '--rm', '--network', 'six', '--ip6', 'fd00:71::2', 'busybox', 'true'),
    ).toContain('already in use');
    expect(
      await host.refused('run', '--rm', '--network', 'six', '--ip6', 'fd00:72::2', 'busybox', 'true'),
    ).toContain('fd00:72::2');
    await host.ok('rm', '-f', 'wish');
  });

  test('ranges and auxiliary addresses are heeded', async () => {
    await host.ok(
      ...['network', 'create', '--ipv6', '--subnet', 'fd00:75::/64', '--gateway', 'fd00:75::fe'],
      ...['--ip-range', 'fd00:75::100/120', '--aux-address', 'nas=fd00:75::100', 'ranged'],
    );
    await host.ok('run', '-d', '--name', 'ranger', '--network', 'ranged', ...SLEEP);
    expect(await endpoint('ranger', 'ranged')).toMatchObject({
      GlobalIPv6Address: 'fd00:75::101',
      IPv6Gateway: 'fd00:75::fe',
    });
    await host.ok('rm', '-f', 'ranger');
    await host.ok('network', 'rm', 'ranged');
  });

  test('a running container joins and leaves; its default route follows', async () => {
    await host.ok('network', 'create', '--ipv6', '--subnet', 'fd00:76::/64', 'other');
    await host.ok('run', '-d', '--name', 'mover', '--network', 'other', ...SLEEP);
    expect(await inside('mover', ping('fd00:71::2'))).toBe('lost');
    await host.ok('network', 'connect', '--ip6', 'fd00:71::aa', 'six', 'mover');
    expect(await endpoint('mover', 'six')).toMatchObject({ GlobalIPv6Address: 'fd00:71::aa' });
    expect(await inside('mover', ping('fd00:71::2'))).toBe('reached');
    await host.ok('network', 'disconnect', 'other', 'mover');
    expect(await inside('mover', 'ip -6 route | grep default')).toContain('via fd00:71::1 dev eth1');
    expect(await inside('mover', ping(OUTSIDE))).toBe('reached');
    await host.ok('rm', '-f', 'mover');
    await host.ok('network', 'rm', 'other');
  });

  test('networks are isolated from each other; an internal one from the world', async () => {
    await host.ok('network', 'create', '--ipv6', '--subnet', 'fd00:77::/64', 'apart');
    await host.ok('network', 'create', '--ipv6', '--subnet', 'fd00:78::/64', '--internal', 'vault');
    await host.ok('run', '-d', '--name', 'apart', '--network', 'apart', ...speaker('apart'));
    await host.ok('run', '-d', '--name', 'vault', '--network', 'vault', '-p', '8087:80', ...speaker('vault'));
    expect(await inside('box', ping('fd00:77::2'))).toBe('lost');
    expect(await inside('box', `${answer('fd00:77::2', 80)}; true`)).not.toContain('apart');
    expect(await inside('box', ping('fd00:78::2'))).toBe('lost');
    expect(await inside('vault', ping(OUTSIDE))).toBe('lost');
    expect(await inside('vault', ping('fd00:71::2'))).toBe('lost');
    expect(await inside('vault', 'ip -6 route | grep -c default; true')).toBe('0');
    expect(await host.ok('port', 'vault')).toBe('');
    // An internal network does not reach what the host listens on either.
    expect(await inside('vault', `${answer('fd00:78::1', 8080)}; true`)).not.toContain('web');
    await expect
      .poll(
        () => host.ok('run', '--rm', '--network', 'vault', 'busybox', 'sh', '-c', answer('fd00:78::2', 80)),
        PATIENT,
      )
      .toBe('vault');
    // Nor is a container reached from outside by its own address.
    outside(`ip -6 route add fd00:71::/64 via ${HOST}`);
    expect(outside(answer('fd00:71::2', 80))).not.toContain('web');
    await host.ok('rm', '-f', 'apart', 'vault');
    await host.ok('network', 'rm', 'apart', 'vault');
  });

  describe('published ports', () => {
    test('are those of both families', async () => {
      expect((await host.ok('port', 'web')).split('\n').sort()).toEqual([
        '80/tcp -> 0.0.0.0:8080',
        '80/tcp -> [::]:8080',
      ]);
      await expect.poll(() => outside(answer(HOST, 8080)), PATIENT).toBe('web');
      await expect.poll(() => outside(answer('10.99.0.1', 8080)), PATIENT).toBe('web');
      for (const address of [HOST, 'fd00:71::1', '::1', '127.0.0.1']) {
        await expect
          .poll(() => [address, host.onHost(answer(address, 8080))], PATIENT)
          .toEqual([address, 'web']);
      }
      // From containers, also the one that serves.
      await expect.poll(() => inside('box', answer(HOST, 8080)), PATIENT).toBe('web');
      await expect.poll(() => inside('box', answer('fd00:71::1', 8080)), PATIENT).toBe('web');
      await expect.poll(() => inside('web', answer(HOST, 8080)), PATIENT).toBe('web');
    });

    test("the container sees the client's own address", async () => {
      const pid = await host.ok('inspect', '-f', '{{.State.Pid}}', 'box');
      const script = 'require("net").createServer((s) => s.end(s.remoteAddress + "\\n")).listen(90, "::")';
      await host.ok('run', '-d', '--name', 'teller', '--network', 'six', '-p', '8090:90', ...SLEEP);
      const teller = await host.ok('inspect', '-f', '{{.State.Pid}}', 'teller');
      expect(pid).not.toBe(teller);
      const server = host.inNamespaces('nsenter', ['-t', teller, '-n', process.execPath, '-e', script]);
      await expect.poll(() => outside(answer(HOST, 8090)), PATIENT).toBe(OUTSIDE);
      await server.stop();
      await host.ok('rm', '-f', 'teller');
    });

    test('are on a chosen address only', async () => {
      const ports = [
        '-p',
        '[::1]:8081:80',
        '-p',
        `[${HOST}]:8082:80`,
        '-p',
        '0.0.0.0:8083:80',
        '-p',
        '[::]:8084:80',
      ];
      await host.ok('run', '-d', '--name', 'chosen', '--network', 'six', ...ports, ...speaker('chosen'));
      expect((await host.ok('port', 'chosen')).split('\n').sort()).toEqual([
        '80/tcp -> 0.0.0.0:8083',
        `80/tcp -> [${HOST}]:8082`,
        '80/tcp -> [::1]:8081',
        '80/tcp -> [::]:8084',
      ]);
      await expect.poll(() => host.onHost(answer('::1', 8081)), PATIENT).toBe('chosen');
      expect(outside(answer(HOST, 8081))).not.toContain('chosen');
      expect(host.onHost(answer('127.0.0.1', 8081))).not.toContain('chosen');
      await expect.poll(() => outside(answer(HOST, 8082)), PATIENT).toBe('chosen');
      expect(host.onHost(answer('::1', 8082))).not.toContain('chosen');
      await expect.poll(() => outside(answer('10.99.0.1', 8083)), PATIENT).toBe('chosen');
      expect(outside(answer(HOST, 8083))).not.toContain('chosen');
      await expect.poll(() => outside(answer(HOST, 8084)), PATIENT).toBe('chosen');
      expect(outside(answer('10.99.0.1', 8084))).not.toContain('chosen');
      expect(
        await host.refused('run', '--rm', '--network', 'six', '-p', '[2001:db8::9]:80:80', 'busybox', 'true'),
      ).toContain('2001:db8::9 is not an address of this host');
      await host.ok('rm', '-f', 'chosen');
    });

    test('a clash on either family is a clash; a free port is the same on both', async () => {
      const run = ['run', '--rm', '--network', 'six'];
      expect(await host.refused(...run, '-p', '[::]:8080:80', 'busybox', 'true')).toContain(
        'Bind for [::]:8080 failed: port is already allocated',
      );
      await host.ok('run', '-d', '--name', 'free', '--network', 'six', '-p', '80', ...SLEEP);
      const ports = (await host.ok('port', 'free')).split('\n').map((line) => line.split(':').at(-1));
      expect(ports).toHaveLength(2);
      expect(new Set(ports).size).toBe(1);
      await host.ok('rm', '-f', 'free');
    });

    test('UDP too', async () => {
      await host.ok('run', '-d', '--name', 'udp', '--network', 'six', '-p', '5353:5300/udp', ...SLEEP);
      const pid = await host.ok('inspect', '-f', '{{.State.Pid}}', 'udp');
      const echo =
        'const s = require("dgram").createSocket("udp6"); s.bind(5300);' +
        's.on("message", (m, from) => s.send("echo " + m, from.port, from.address))';
      const server = host.inNamespaces('nsenter', ['-t', pid, '-n', process.execPath, '-e', echo]);
      const ask =
        `ip netns exec outside ${process.execPath} -e '` +
        'const s = require("dgram").createSocket("udp6");' +
        's.on("message", (m) => { console.log(String(m)); process.exit(); });' +
        `s.send("ask", 5353, "${HOST}"); setTimeout(() => process.exit(), 1000)'`;
      await expect.poll(() => host.onHost(ask), { timeout: 15_000 }).toBe('echo ask');
      await server.stop();
      await host.ok('rm', '-f', 'udp');
    });
  });

  test('all of it outlives the daemon, and comes back when somebody takes it away', async () => {
    await host.killDaemon();
    await expect.poll(() => outside(answer(HOST, 8080)), PATIENT).toBe('web');
    host.onHost(
      'nft delete table ip6 skep; sysctl -w net.ipv6.conf.all.forwarding=0; ip -6 addr flush dev $(ip -br link show type bridge | grep -o "skb[0-9a-f]\\{12\\}" | head -1) scope global',
    );
    await host.startDaemon();
    await expect.poll(() => outside(answer(HOST, 8080)), PATIENT).toBe('web');
    await expect.poll(() => host.onHost(answer('::1', 8080)), PATIENT).toBe('web');
    expect(await inside('box', ping(OUTSIDE))).toBe('reached');
    expect(await inside('box', lookUp('www'))).toBe('fd00:71::2');
    expect(await endpoint('web', 'six')).toMatchObject({ GlobalIPv6Address: 'fd00:71::2' });
    const taken = ['run', '--rm', '--network', 'six', '--ip6', 'fd00:71::2', 'busybox', 'true'];
    expect(await host.refused(...taken)).toContain('already in use');
    await host.ok('restart', '-t', '0', 'web');
    await expect.poll(() => outside(answer(HOST, 8080)), PATIENT).toBe('web');
  });

  test('a host that learns its routes from a router goes on listening to it', async () => {
    expect(
      host.onHost('cat /proc/sys/net/ipv6/conf/up0/accept_ra /proc/sys/net/ipv6/conf/all/forwarding'),
    ).toBe('2\n1');
  });

  test('the last network with IPv6 takes the table along; a host without IPv6 refuses one', async () => {
    await host.ok('rm', '-f', 'web', 'box');
    await host.ok('network', 'rm', 'six');
    expect(host.onHost('nft list tables')).not.toContain('ip6 skep');
    host.onHost('sysctl -qw net.ipv6.conf.all.disable_ipv6=1');
    expect(await host.refused('network', 'create', '--ipv6', 'late')).toContain(
      'IPv6 is disabled on this host (net.ipv6.conf.all.disable_ipv6 is 1)',
    );
    host.onHost('sysctl -qw net.ipv6.conf.all.disable_ipv6=0');
    await host.ok('network', 'create', '--ipv6', 'late');
    await host.ok('network', 'rm', 'late');
  });
});
