import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SwarmdFixture, hasDockerCli } from './testing/swarmd-fixture.ts';

/** Who says a word listens anew for each connection, and is not there for a moment in between. */
const PATIENT = { timeout: 10_000 };

/** Local networks as the unmodified docker CLI sees them, on the real kernel. Needs root. */
describe.skipIf(!hasDockerCli())('docker networks', () => {
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
        'ip netns exec outside ip link set up1 up',
        // Nobody answers names there, and says so at once.
        `echo nameserver 10.99.0.254 > ${host.root}/resolv.conf`,
        `mount --bind ${host.root}/resolv.conf /etc/resolv.conf`,
      ].join('; '),
    );
  });

  afterAll(async () => {
    host.onHost('ip netns del outside');
    await host.stop();
  });

  const SLEEP = ['busybox', 'sleep', '1000'];
  const ping = (address: string): string =>
    `ping -c 1 -W 1 ${address} >/dev/null 2>&1 && echo reached || echo lost`;
  const inside = (container: string, script: string): Promise<string> =>
    host.ok('exec', container, 'sh', '-c', script);
  const outside = (script: string): string => host.onHost(`ip netns exec outside sh -c '${script}'`);
  const answer = (address: string, port: number): string =>
    `timeout 3 busybox nc -w 2 ${address} ${String(port)} </dev/null 2>&1`;
  const addressOf = (container: string, network: string): Promise<string> =>
    host.ok('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, container);
  /** Lets a container echo datagrams. */
  const echoDatagrams = async (container: string, port: number): Promise<() => Promise<void>> => {
    const pid = await host.ok('inspect', '-f', '{{.State.Pid}}', container);
    const script =
      "const s = require('dgram').createSocket('udp6'); s.bind(+process.argv[1]);" +
      "s.on('message', (m, from) => s.send('echo ' + m, from.port, from.address))";
    return host.inNamespaces('nsenter', ['-t', pid, '-n', process.execPath, '-e', script, String(port)]).stop;
  };
  /** What comes back for a datagram to an address of the host, from outside. */
  const askDatagram = (address: string, port: number): string =>
    host.onHost(
      `ip netns exec outside ${process.execPath} -e '` +
        'const [host, port] = process.argv.slice(1);' +
        'const s = require("dgram").createSocket(host.includes(":") ? "udp6" : "udp4");' +
        's.on("message", (m) => { console.log(String(m)); process.exit(); });' +
        `s.send("ask", +port, host); setTimeout(() => process.exit(), 1000)' ${address} ${String(port)}`,
    );
  /** A container that says a word to each who connects. */
  const speaker = (word: string): string[] => [
    'busybox',
    'sh',
    '-c',
    `while :; do echo ${word} | nc -l -p 80; done`,
  ];

  describe('a network by itself', () => {
    test('is what was asked for: subnet, gateway, range, auxiliary addresses, labels, options', async () => {
      await host.ok(
        ...['network', 'create', '--subnet', '10.20.0.0/16', '--gateway', '10.20.0.254'],
        ...[
          '--ip-range',
          '10.20.5.0/24',
          '--aux-address',
          'router=10.20.5.0',
          '--aux-address',
          'printer=10.20.5.1',
        ],
        ...['--label', 'tier=db', '--attachable', '-o', 'com.docker.network.driver.mtu=1400', 'planned'],
      );
      const [network] = JSON.parse(await host.ok('network', 'inspect', 'planned'));
      expect(network).toMatchObject({
        Name: 'planned',
        Driver: 'bridge',
        Scope: 'local',
        EnableIPv4: true,
        EnableIPv6: false,
        Internal: false,
        Attachable: true,
        Labels: { tier: 'db' },
        Options: { 'com.docker.network.driver.mtu': '1400' },
        IPAM: {
          Driver: 'default',
          Config: [
            {
              Subnet: '10.20.0.0/16',
              IPRange: '10.20.5.0/24',
              Gateway: '10.20.0.254',
              AuxiliaryAddresses: { router: '10.20.5.0', printer: '10.20.5.1' },
            },
          ],
        },
      });
      await host.ok('run', '-d', '--name', 'first', '--network', 'planned', ...SLEEP);
      expect(await addressOf('first', 'planned')).toBe('10.20.5.2');
      expect(await inside('first', 'cat /sys/class/net/eth0/mtu; ip route | head -1')).toBe(
        '1400\ndefault via 10.20.0.254 dev eth0 ',
      );
      const taken = ['--network', 'planned', '--ip', '10.20.5.1', 'busybox', 'true'];
      expect(await host.refused('run', '--rm', ...taken)).toMatch(/address 10\.20\.5\.1 .*already in use/i);
      await host.ok('rm', '-f', 'first');
      await host.ok('network', 'rm', 'planned');
    });

    test.each([
      [
        ['--subnet', '10.20.0.0/99'],
        'invalid network config:\ninvalid subnet 10.20.0.0/99: invalid CIDR block notation',
      ],
      [['--subnet', '10.20.0.7/16'], 'invalid subnet 10.20.0.7/16: it should be 10.20.0.0/16'],
      [
        ['--subnet', '10.20.0.0/16', '--ip-range', '10.20.1.9/24'],
        'invalid ip-range 10.20.1.9/24: it should be 10.20.1.0/24',
      ],
      [['--subnet', '172.17.5.0/24'], 'Pool overlaps with other one on this address space'],
      [['--subnet', '10.99.0.0/16'], 'Pool overlaps with other one on this address space'],
      [['--subnet', '10.20.0.0/31'], 'too small'],
      [['-o', 'com.docker.network.driver.mtu=much'], 'mtu much is not a number from 68 to 65535'],
      [['-d', 'nosuch'], 'plugin "nosuch" not found'],
      [['-d', 'host'], 'only one instance of "host" network is allowed'],
    ])('%o is refused', async (options, message) => {
      expect(await host.refused('network', 'create', ...options, 'bad')).toContain(message);
      expect(await host.ok('network', 'ls', '-q', '--filter', 'name=bad')).toBe('');
    });

    test('the same name, and the names of the predefined ones, are taken', async () => {
      const id = await host.ok('network', 'create', 'once');
      expect(await host.refused('network', 'create', 'once')).toContain(
        'network with name once already exists',
      );
      expect(await host.refused('network', 'create', 'host')).toContain(
        'operation is not permitted on predefined host network',
      );
      expect(await host.refused('network', 'rm', 'bridge')).toContain(
        'bridge is a pre-defined network and cannot be removed',
      );
      expect(await host.ok('network', 'rm', id.slice(0, 12))).toBe(id.slice(0, 12));
      expect(await host.refused('network', 'rm', 'once')).toContain('network once not found');
    });

    test('lists have filters and formats; prune heeds labels, ages and users', async () => {
      await host.ok('network', 'create', '--label', 'keep', 'one');
      await host.ok('network', 'create', '--label', 'tier=web', 'two');
      await host.ok('run', '-d', '--name', 'user', '--network', 'one', ...SLEEP);
      const list = (...filters: string[]): Promise<string> =>
        host.ok('network', 'ls', '--format', '{{.Name}}', ...filters.flatMap((one) => ['--filter', one]));
      expect(await list()).toBe('bridge\nhost\nnone\none\ntwo');
      expect(await list('type=custom')).toBe('one\ntwo');
      expect(await list('type=builtin', 'driver=null')).toBe('none');
      expect(await list('name=tw')).toBe('two');
      expect(await list('label=tier=web')).toBe('two');
      expect(await list('dangling=true')).toBe('two');
      expect(await list('scope=swarm')).toBe('');
      const id = await host.ok('network', 'inspect', '-f', '{{.Id}}', 'two');
      expect(await list(`id=${id.slice(0, 5)}`)).toBe('two');
      const format = '{{.ID}} {{.Driver}} {{.Scope}} {{.IPv4}} {{.IPv6}} {{.Internal}} {{.Labels}}';
      expect(await host.ok('network', 'ls', '--filter', 'name=two', '--no-trunc', '--format', format)).toBe(
        `${id} bridge local true false false tier=web`,
      );
      expect(await host.refused('network', 'ls', '--filter', 'colour=red')).toContain(
        "invalid filter 'colour'",
      );
      expect(await host.ok('network', 'prune', '-f', '--filter', 'until=1h')).toBe('');
      expect(await host.ok('network', 'prune', '-f', '--filter', 'label!=tier')).toBe('');
      expect(await host.ok('network', 'prune', '-f')).toBe('Deleted Networks:\ntwo\n');
      const refused = await host.refused('network', 'rm', 'one');
      expect(refused).toContain('error while removing network: network one has active endpoints');
      expect(refused).toContain('user');
      await host.ok('rm', '-f', 'user');
      expect(await host.ok('network', 'prune', '-f')).toBe('Deleted Networks:\none\n');
    });
  });

  describe('names', () => {
    const lookUp = (name: string): string => `nslookup -type=a ${name} 127.0.0.11 | sed -n "s/^Address: //p"`;

    beforeAll(async () => {
      await host.ok('network', 'create', '--subnet', '10.31.0.0/24', 'front');
      await host.ok('network', 'create', '--subnet', '10.32.0.0/24', 'back');
      await host.ok('run', '-d', '--name', 'client', '--network', 'front', ...SLEEP);
      const db = ['--network', 'name=front,alias=db,ip=10.31.0.50', '--network', 'name=back,alias=store'];
      await host.ok('run', '-d', '--name', 'server', '-h', 'machine', ...db, ...SLEEP);
      await host.ok('run', '-d', '--name', 'clerk', '--network', 'back', ...SLEEP);
    });

    afterAll(async () => {
      await host.ok('rm', '-f', 'client', 'server', 'clerk');
      await host.ok('network', 'rm', 'front', 'back');
    });

    test('a container is found by name, alias, host name, id prefix and name.network, where it is', async () => {
      const id = (await host.ok('inspect', '-f', '{{.Id}}', 'server')).slice(0, 12);
      for (const name of ['server', 'db', 'machine', id, 'server.front', 'DB']) {
        expect([name, await inside('client', lookUp(name))]).toEqual([name, '10.31.0.50']);
      }
      expect(await inside('clerk', lookUp('store'))).toBe('10.32.0.2');
      expect(await inside('clerk', lookUp('db'))).toBe('');
      expect(await inside('clerk', lookUp('client'))).toBe('');
      expect(await inside('client', ping('db'))).toBe('reached');
      expect(await inside('client', 'nslookup 10.31.0.50 127.0.0.11')).toContain('server.front');
      const format = '{{json (index .NetworkSettings.Networks "front").DNSNames}}';
      const names = JSON.parse(await host.ok('inspect', '-f', format, 'server')) as string[];
      expect(names.sort()).toEqual(['db', 'machine', 'server', id].sort());
    });

    test('several with one alias all answer', async () => {
      const alias = ['--network', 'front', '--network-alias', 'pool'];
      await host.ok('run', '-d', '--name', 'pool-a', ...alias, '--ip', '10.31.0.61', ...SLEEP);
      await host.ok('run', '-d', '--name', 'pool-b', ...alias, '--ip', '10.31.0.62', ...SLEEP);
      expect((await inside('client', lookUp('pool'))).split('\n').sort()).toEqual([
        '10.31.0.61',
        '10.31.0.62',
      ]);
      await host.ok('rm', '-f', 'pool-a');
      expect(await inside('client', lookUp('pool'))).toBe('10.31.0.62');
      await host.ok('rm', '-f', 'pool-b');
    });

    test('a stopped container has no name until it runs again', async () => {
      await host.ok('run', '-d', '--name', 'restless', '--network', 'front', ...SLEEP);
      expect(await inside('client', lookUp('restless'))).toMatch(/^10\.31\.0\./);
      await host.ok('stop', '-t', '0', 'restless');
      expect(await inside('client', lookUp('restless'))).toBe('');
      await host.ok('start', 'restless');
      expect(await inside('client', lookUp('restless'))).toMatch(/^10\.31\.0\./);
      await host.ok('rm', '-f', 'restless');
    });
  });

  describe('membership at run time', () => {
    beforeAll(async () => {
      await host.ok('network', 'create', '--subnet', '10.41.0.0/24', 'left');
      await host.ok('network', 'create', '--subnet', '10.42.0.0/24', 'right');
      await host.ok('run', '-d', '--name', 'mover', '--network', 'left', ...SLEEP);
      await host.ok('run', '-d', '--name', 'stayer', '--network', 'right', ...SLEEP);
    });

    afterAll(async () => {
      await host.ok('rm', '-f', 'mover', 'stayer');
      await host.ok('network', 'rm', 'left', 'right');
    });

    test('a running container joins with an address and an alias, and leaves', async () => {
      expect(await inside('mover', ping('10.42.0.2'))).toBe('lost');
      const connect = ['network', 'connect', '--ip', '10.42.0.77', '--alias', 'guest', 'right', 'mover'];
      await host.ok(...connect);
      expect(await addressOf('mover', 'right')).toBe('10.42.0.77');
      expect(await inside('mover', ping('10.42.0.2'))).toBe('reached');
      expect(await inside('stayer', ping('guest'))).toBe('reached');
      expect(await inside('mover', 'ip -4 -o addr show eth1')).toContain('10.42.0.77/24');
      expect(
        await host.ok('network', 'inspect', '-f', '{{range .Containers}}{{.Name}} {{end}}', 'right'),
      ).toMatch(/^(mover stayer|stayer mover) $/);
      expect(await host.refused(...connect)).toMatch(/already (exists in|attached to) network/);
      await host.ok('restart', '-t', '0', 'mover');
      expect(await addressOf('mover', 'right')).toBe('10.42.0.77');
      await host.ok('network', 'disconnect', 'right', 'mover');
      expect(await inside('mover', ping('10.42.0.2'))).toBe('lost');
      expect(await inside('stayer', 'nslookup -type=a guest 127.0.0.11 >/dev/null 2>&1; echo $?')).toBe('1');
      expect(await host.refused('network', 'disconnect', 'right', 'mover')).toContain(
        'is not connected to network right',
      );
    });

    test('the default route follows the networks that are left', async () => {
      await host.ok('network', 'connect', 'right', 'mover');
      expect(await inside('mover', ping('10.99.0.254'))).toBe('reached');
      await host.ok('network', 'disconnect', 'left', 'mover');
      expect(await inside('mover', 'ip route | head -1')).toContain('default via 10.42.0.1 ');
      expect(await inside('mover', ping('10.99.0.254'))).toBe('reached');
      await host.ok('network', 'connect', 'left', 'mover');
      await host.ok('network', 'disconnect', 'right', 'mover');
    });

    test('a stopped container changes networks too', async () => {
      await host.ok('create', '--name', 'sleeper', '--network', 'left', ...SLEEP);
      await host.ok('network', 'connect', '--ip', '10.42.0.9', 'right', 'sleeper');
      await host.ok('network', 'disconnect', 'left', 'sleeper');
      await host.ok('start', 'sleeper');
      expect(await inside('sleeper', 'ip -4 -o addr | grep -c eth')).toBe('1');
      expect(await addressOf('sleeper', 'right')).toBe('10.42.0.9');
      await host.ok('rm', '-f', 'sleeper');
    });

    test.each([
      [['connect', 'nosuch', 'mover'], 'network nosuch not found'],
      [['connect', 'right', 'nosuch'], 'No such container: nosuch'],
      [['connect', '--ip', '10.41.0.9', 'right', 'mover'], '10.41.0.9'],
      [['connect', '--ip', '10.42.0.2', 'right', 'mover'], 'already in use'],
      [['connect', 'host', 'mover'], 'container cannot be'],
      [['connect', 'none', 'mover'], 'container cannot be'],
    ])('%o is refused', async (command, message) => {
      expect(await host.refused('network', ...command)).toContain(message);
    });
  });

  describe('other modes', () => {
    test('host shares the network of the host, and says that ports are of no use', async () => {
      const result = await host.docker([
        'run',
        '--rm',
        '--network',
        'host',
        '-p',
        '80:80',
        'busybox',
        'ip',
        '-o',
        'link',
      ]);
      expect(result.stdout).toContain('up0');
      expect(result.stderr).toContain('Published ports are discarded when using host network mode');
      expect(
        await host.ok('run', '--rm', '--network', 'host', 'busybox', 'sh', '-c', ping('10.99.0.254')),
      ).toBe('reached');
    });

    test('none has a loopback and nothing else', async () => {
      expect(
        await host.ok(
          'run',
          '--rm',
          '--network',
          'none',
          'busybox',
          'sh',
          '-c',
          'ls /sys/class/net; ip route',
        ),
      ).toBe('lo');
    });

    test('container:<name> shares the network of another', async () => {
      await host.ok('network', 'create', 'shared');
      await host.ok('run', '-d', '--name', 'owner', '--network', 'shared', ...speaker('owner'));
      const share = ['run', '--rm', '--network', 'container:owner', 'busybox', 'sh', '-c'];
      await expect
        .poll(() => host.ok(...share, `${answer('127.0.0.1', 80)}; hostname; cat /etc/hostname`), PATIENT)
        .toMatch(/^owner\n([0-9a-f]{12})\n\1$/);
      expect(await host.ok(...share, 'nslookup -type=a owner 127.0.0.11 | grep -c ^Address')).not.toBe('0');
      const ports = ['run', '--rm', '--network', 'container:owner', '-p', '80:80', 'busybox', 'true'];
      expect(await host.refused(...ports)).toContain(
        'conflicting options: port publishing and the container type network mode',
      );
      expect(await host.refused('run', '--rm', '--network', 'container:nosuch', 'busybox', 'true')).toContain(
        'No such container: nosuch',
      );
      await host.ok('rm', '-f', 'owner');
      await host.ok('network', 'rm', 'shared');
    });
  });

  test('bridges are isolated from each other, and an internal one from the world', async () => {
    await host.ok('network', 'create', '--subnet', '10.51.0.0/24', 'one');
    await host.ok('network', 'create', '--subnet', '10.52.0.0/24', 'two');
    await host.ok('network', 'create', '--subnet', '10.53.0.0/24', '--internal', 'vault');
    for (const network of ['one', 'two', 'vault']) {
      await host.ok(
        'run',
        '-d',
        '--name',
        `in-${network}`,
        '--network',
        network,
        '-p',
        '80',
        ...speaker(network),
      );
    }
    expect(await host.ok('inspect', '-f', '{{.Internal}}', 'vault')).toBe('true');
    expect(await inside('in-one', ping('10.99.0.254'))).toBe('reached');
    expect(await inside('in-one', ping('10.52.0.2'))).toBe('lost');
    expect(await inside('in-one', `${answer('10.52.0.2', 80)}; true`)).not.toContain('two');
    // An internal network: no way out, none in, no published ports; its own members reach each other.
    expect(await inside('in-vault', `${ping('10.99.0.254')}; ip route`)).toMatch(
      /^lost\n10\.53\.0\.0\/24 [^\n]*$/,
    );
    expect(await inside('in-vault', ping('10.51.0.2'))).toBe('lost');
    expect(await inside('in-one', ping('10.53.0.2'))).toBe('lost');
    expect(await host.ok('port', 'in-vault')).toBe('');
    await expect
      .poll(
        () => host.ok('run', '--rm', '--network', 'vault', 'busybox', 'sh', '-c', answer('in-vault', 80)),
        PATIENT,
      )
      .toBe('vault');
    // Nor is a container reached from outside by its own address.
    host.onHost('ip netns exec outside ip route add 10.51.0.0/16 via 10.99.0.1');
    expect(outside(answer('10.51.0.2', 80))).not.toContain('one');
    await host.ok('rm', '-f', 'in-one', 'in-two', 'in-vault');
    await host.ok('network', 'rm', 'one', 'two', 'vault');
  });

  describe('published ports', () => {
    test('on a chosen address only', async () => {
      await host.ok(
        'run',
        '-d',
        '--name',
        'chosen',
        '-p',
        '127.0.0.1:8080:80',
        '-p',
        '10.99.0.1:8081:80',
        ...speaker('here'),
      );
      expect((await host.ok('port', 'chosen')).split('\n').sort()).toEqual([
        '80/tcp -> 10.99.0.1:8081',
        '80/tcp -> 127.0.0.1:8080',
      ]);
      await expect.poll(() => host.onHost(answer('127.0.0.1', 8080)), PATIENT).toBe('here');
      await expect.poll(() => host.onHost(answer('10.99.0.1', 8081)), PATIENT).toBe('here');
      await expect.poll(() => outside(answer('10.99.0.1', 8081)), PATIENT).toBe('here');
      expect(outside(answer('10.99.0.1', 8080))).not.toContain('here');
      expect(await host.refused('run', '--rm', '-p', '203.0.113.9:80:80', 'busybox', 'true')).toContain(
        '203.0.113.9 is not an address of this host',
      );
      await host.ok('rm', '-f', 'chosen');
    });

    test('UDP as well as TCP on one number', async () => {
      await host.ok('run', '-d', '--name', 'both', '-p', '5353:53/udp', '-p', '5353:80', ...speaker('tcp'));
      const stop = await echoDatagrams('both', 53);
      expect((await host.ok('port', 'both')).split('\n').sort()).toEqual([
        '53/udp -> 0.0.0.0:5353',
        '80/tcp -> 0.0.0.0:5353',
      ]);
      await expect.poll(() => outside(answer('10.99.0.1', 5353)), PATIENT).toBe('tcp');
      await expect.poll(() => askDatagram('10.99.0.1', 5353)).toBe('echo ask');
      await stop();
      await host.ok('rm', '-f', 'both');
    });

    test('ranges, and free ones of a range', async () => {
      const listen =
        'for p in 8000 8001 8002 8003 8004 8005; do (while :; do echo $p | nc -l -p $p; done) & done; wait';
      await host.ok(
        'run',
        '-d',
        '--name',
        'range',
        '-p',
        '8000-8005:8000-8005',
        'busybox',
        'sh',
        '-c',
        listen,
      );
      for (const port of [8000, 8003, 8005]) {
        await expect.poll(() => outside(answer('10.99.0.1', port)), PATIENT).toBe(String(port));
      }
      expect((await host.ok('port', 'range')).split('\n')).toHaveLength(6);
      // One of several: those that are taken are passed over.
      await host.ok('run', '-d', '--name', 'pick', '-p', '8004-8010:80', ...speaker('picked'));
      expect(await host.ok('port', 'pick', '80')).toBe('0.0.0.0:8006');
      await expect.poll(() => outside(answer('10.99.0.1', 8006)), PATIENT).toBe('picked');
      expect(await host.refused('run', '--rm', '-p', '8000-8005:80', 'busybox', 'true')).toContain(
        'port is already allocated',
      );
      await host.ok('rm', '-f', 'range', 'pick');
    });

    test('a free one, all exposed ones, and a clash', async () => {
      await host.ok('run', '-d', '--name', 'free', '-p', '80', '--expose', '90', '-P', ...speaker('free'));
      const ports = (await host.ok('port', 'free')).split('\n').sort();
      expect(ports).toEqual([
        expect.stringMatching(/^80\/tcp -> 0\.0\.0\.0:\d{5}$/),
        expect.stringMatching(/^90\/tcp -> 0\.0\.0\.0:\d{5}$/),
      ]);
      const port = Number(ports[0]?.split(':')[1]);
      expect(port).toBeGreaterThanOrEqual(32_768);
      await expect.poll(() => outside(answer('10.99.0.1', port)), PATIENT).toBe('free');
      const clash = await host.docker([
        'run',
        '--name',
        'clash',
        '-p',
        `${String(port)}:80`,
        'busybox',
        'true',
      ]);
      expect([clash.code, clash.stderr]).toEqual([
        125,
        expect.stringContaining(`Bind for 0.0.0.0:${String(port)} failed: port is already allocated`),
      ]);
      await host.ok('rm', 'clash');
      await host.ok('rm', '-f', 'free');
      // Given back with the container.
      await host.ok('run', '--rm', '-p', `${String(port)}:80`, 'busybox', 'true');
    });
  });

  test('names, addresses and ports outlive the daemon', async () => {
    await host.ok('network', 'create', '--subnet', '10.61.0.0/24', 'lasting');
    const web = ['--name', 'lasting-web', '--network', 'lasting', '--network-alias', 'www', '-p', '8099:80'];
    await host.ok('run', '-d', ...web, ...speaker('lasting'));
    await host.ok('run', '-d', '--name', 'lasting-box', '--network', 'lasting', ...SLEEP);
    await host.killDaemon();
    await expect.poll(() => outside(answer('10.99.0.1', 8099)), PATIENT).toBe('lasting');
    await host.startDaemon();
    await expect.poll(() => outside(answer('10.99.0.1', 8099)), PATIENT).toBe('lasting');
    expect(await inside('lasting-box', ping('www'))).toBe('reached');
    expect(await host.refused('run', '--rm', '-p', '8099:80', 'busybox', 'true')).toContain(
      'port is already allocated',
    );
    expect(await host.refused('network', 'rm', 'lasting')).toContain('has active endpoints');
    await host.ok('rm', '-f', 'lasting-web', 'lasting-box');
    await host.ok('network', 'rm', 'lasting');
    expect(host.onHost('ip -br link | grep -c "^sk[bvp]"')).toBe('1');
  });
});
