import { describe, expect, test } from 'vitest';

import { run } from '@skep/lab';

import { LabFixture } from './lab-fixture.ts';

/** Overlay, service names, virtual addresses and the routing mesh between three real hosts. */
const fixture = new LabFixture({ hosts: 3, managers: 1 });
const docker = (...args: string[]) => fixture.dockerOk('h1', ...args);

/** A container of a service on a host, as the docker CLI of that host lists it. */
async function containerOf(host: string, service: string): Promise<string> {
  return (
    (
      await fixture.dockerOk(
        host,
        'ps',
        '--quiet',
        '--filter',
        `label=com.docker.swarm.service.name=${service}`,
      )
    ).split('\n')[0] ?? ''
  );
}

const SHOW_HOST =
  'mkdir -p /www/cgi-bin; printf "#!/bin/sh\\necho; echo $(hostname) \\$REMOTE_ADDR\\n" > /www/cgi-bin/who; chmod +x /www/cgi-bin/who; exec httpd -f -p 80 -h /www';

describe('overlay and mesh', () => {
  test('a service on every host and a client service on every host', async () => {
    await docker('network', 'create', '-d', 'overlay', 'front');
    await docker(
      'service',
      'create',
      '--stop-grace-period',
      '1s',
      '--quiet',
      '--detach=false',
      '--name',
      'who',
      '--mode',
      'global',
      '--network',
      'front',
      '--publish',
      '8080:80',
      '--hostname',
      '{{.Node.Hostname}}',
      fixture.image,
      'sh',
      '-c',
      SHOW_HOST,
    );
    await docker(
      'service',
      'create',
      '--stop-grace-period',
      '1s',
      '--quiet',
      '--detach=false',
      '--name',
      'caller',
      '--mode',
      'global',
      '--network',
      'front',
      fixture.image,
      'sleep',
      '10000',
    );
    await fixture.waitReplicas('h1', 'who', '3/3');
    await fixture.waitReplicas('h1', 'caller', '3/3');
  });

  test.each(['h1', 'h2', 'h3'])(
    'from %s the name leads through the virtual address to all hosts',
    async (host) => {
      const caller = await containerOf(host, 'caller');
      const answers = new Set<string>();
      for (let i = 0; i < 30; i += 1) {
        const page = await fixture.dockerOk(
          host,
          'exec',
          caller,
          'timeout',
          '5',
          'wget',
          '-qO-',
          'http://who/cgi-bin/who',
        );
        answers.add(page.split(' ')[0] ?? '');
      }
      expect([...answers].sort()).toEqual(['h1', 'h2', 'h3']);
    },
  );

  test('the name has one address, tasks.<name> has one per task', async () => {
    const caller = await containerOf('h2', 'caller');
    const lookUp = async (name: string) => [
      ...new Set(
        (await fixture.dockerOk('h2', 'exec', caller, 'nslookup', name)).match(
          /Address[^:]*: (10\.\d+\.\d+\.\d+)/g,
        ),
      ),
    ];
    expect(await lookUp('who')).toHaveLength(1);
    expect(await lookUp('tasks.who')).toHaveLength(3);
  });

  test.each(['10.88.0.1', '10.88.0.2', '10.88.0.3'])(
    "the published port answers on %s, and the service sees the client's own address",
    async (address) => {
      for (let i = 0; i < 5; i += 1) {
        const page = await fixture.client(
          'timeout',
          '5',
          'busybox',
          'wget',
          '-qO-',
          `http://${address}:8080/cgi-bin/who`,
        );
        expect(page.stdout.trim(), page.stderr).toMatch(/^h[123] \[::ffff:10\.88\.0\.200\]$/);
      }
    },
  );

  test('the mesh answers on a host that runs no task of the service', async () => {
    await docker(
      'service',
      'create',
      '--stop-grace-period',
      '1s',
      '--quiet',
      '--detach=false',
      '--name',
      'single',
      '--publish',
      '8081:80',
      '--constraint',
      'node.hostname==h3',
      '--hostname',
      '{{.Node.Hostname}}',
      fixture.image,
      'sh',
      '-c',
      SHOW_HOST,
    );
    for (const address of ['10.88.0.1', '10.88.0.2', '10.88.0.3']) {
      const page = await fixture.client(
        'timeout',
        '5',
        'busybox',
        'wget',
        '-qO-',
        `http://${address}:8081/cgi-bin/who`,
      );
      expect(page.stdout.trim(), page.stderr).toBe('h3 [::ffff:10.88.0.200]');
    }
    const local = fixture.lab
      .host('h1')
      .enter(['timeout', '5', 'busybox', 'wget', '-qO-', 'http://127.0.0.1:8081/cgi-bin/who']);
    expect((await run(local)).stdout).toMatch(/^h3 /);
  });

  test('networks are isolated from each other', async () => {
    await docker('network', 'create', '-d', 'overlay', 'island');
    await docker(
      'service',
      'create',
      '--stop-grace-period',
      '1s',
      '--quiet',
      '--detach=false',
      '--name',
      'lonely',
      '--network',
      'island',
      '--constraint',
      'node.hostname==h1',
      fixture.image,
      'sleep',
      '10000',
    );
    const lonely = await containerOf('h1', 'lonely');
    const byName = await fixture.docker(
      'h1',
      'exec',
      lonely,
      'timeout',
      '2',
      'wget',
      '-qO-',
      'http://who/cgi-bin/who',
    );
    expect(byName.exitCode).not.toBe(0);
    const address = await fixture.dockerOk(
      'h1',
      'inspect',
      await containerOf('h1', 'who'),
      '--format',
      '{{.NetworkSettings.Networks.front.IPAddress}}',
    );
    expect(address).toMatch(/^10\./);
    const byAddress = await fixture.docker(
      'h1',
      'exec',
      lonely,
      'timeout',
      '2',
      'wget',
      '-qO-',
      `http://${address}/cgi-bin/who`,
    );
    expect(byAddress.exitCode).not.toBe(0);
  });
});
