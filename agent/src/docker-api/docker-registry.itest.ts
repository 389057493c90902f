import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { until } from '../engine/testing/engine-fixture.ts';
import { SwarmdFixture, hasDockerCli } from './testing/swarmd-fixture.ts';

/** Of the uplink of swarmd's namespace: not loopback, so TLS counts. */
const ADDRESS = '10.99.0.1';
const GUARDED = `${ADDRESS}:5443`;
const ABSENT = `${ADDRESS}:5999`;

/** Makes an authority and, signed by it, a certificate for the registry. */
function makeCertificates(root: string): { authority: string; certificate: string; key: string } {
  const [authority, authorityKey, certificate, key] = ['ca.crt', 'ca.key', 'server.crt', 'server.key'].map(
    (name) => join(root, name),
  ) as [string, string, string, string];
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { stdio: 'pipe' });
  openssl('req', '-x509', ...ec, '-subj', '/CN=authority', '-keyout', authorityKey, '-out', authority);
  openssl(
    ...['req', '-x509', ...ec, '-subj', '/CN=registry', '-addext', `subjectAltName=IP:${ADDRESS}`],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-CA', authority, '-CAkey', authorityKey],
    ...['-keyout', key, '-out', certificate],
  );
  return { authority, certificate, key };
}

/** Registries as an administrator sets them up: authorities in a directory, mirrors by flags. Needs root. */
describe.skipIf(!hasDockerCli())('registries of the docker CLI', () => {
  let host: SwarmdFixture;
  let registry: ReturnType<SwarmdFixture['inNamespaces']>;
  let authority: string;

  beforeAll(async () => {
    host = await SwarmdFixture.start((root) => [
      `--registry-certs=${join(root, 'certs.d')}`,
      `--registry-mirror=https://${GUARDED}`,
      `--registry-mirror=${ABSENT}=https://${GUARDED}`,
    ]);
    const made = makeCertificates(host.root);
    authority = made.authority;
    const config = join(host.root, 'registry.yml');
    writeFileSync(
      config,
      [
        'version: 0.1',
        `storage: { filesystem: { rootdirectory: ${join(host.root, 'registry')} } }`,
        `http: { addr: "${GUARDED}", tls: { certificate: ${made.certificate}, key: ${made.key} } }`,
      ].join('\n'),
    );
    registry = host.inNamespaces('docker-registry', ['serve', config]);
    await until(() => registry.output().includes('listening on'));
  });

  afterAll(async () => {
    await registry.stop();
    await host.stop();
  });

  test('the certificate of a registry is verified; its authority is believed from the moment that its file is there', async () => {
    await host.ok('tag', 'busybox', `${GUARDED}/team/box:1`);
    const refused = await host.docker(['push', `${GUARDED}/team/box:1`]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/unable to verify|self.signed certificate/);
    mkdirSync(join(host.root, 'certs.d', GUARDED), { recursive: true });
    copyFileSync(authority, join(host.root, 'certs.d', GUARDED, 'ca.crt'));
    expect(await host.ok('push', `${GUARDED}/team/box:1`)).toMatch(
      /1: digest: sha256:[0-9a-f]{64} size: \d+/,
    );
    await host.ok('rmi', `${GUARDED}/team/box:1`);
    expect(await host.ok('pull', `${GUARDED}/team/box:1`)).toContain('Status: Downloaded newer image');
  });

  test('images of Docker Hub come from its mirror, those of another registry from theirs', async () => {
    for (const name of ['library/mirrored:1', 'team/mirrored:1']) {
      await host.ok('tag', 'busybox', `${GUARDED}/${name}`);
      await host.ok('push', `${GUARDED}/${name}`);
      await host.ok('rmi', `${GUARDED}/${name}`);
    }
    expect(await host.ok('pull', 'mirrored:1')).toContain('docker.io/library/mirrored:1');
    expect(await host.ok('run', '--rm', '--network', 'none', 'mirrored:1', 'echo', 'up')).toBe('up');
    expect(await host.ok('pull', `${ABSENT}/team/mirrored:1`)).toContain(`${ABSENT}/team/mirrored:1`);
    const missing = await host.docker(['pull', `${ABSENT}/team/nosuch:1`]);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining(`registry ${ABSENT}`)]);
  });

  test('info tells of the mirrors of Docker Hub', async () => {
    expect(await host.ok('info', '--format', '{{json .RegistryConfig.Mirrors}}')).toBe(
      `["https://${GUARDED}/"]`,
    );
    expect(await host.ok('info')).toContain(`Registry Mirrors:\n  https://${GUARDED}/`);
  });
});
