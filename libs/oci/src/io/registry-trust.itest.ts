import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parseReference, type ImageReference } from '../core/reference.ts';
import { buildArchive, buildImage } from './image-builder.ts';
import { ImageStore } from './image-store.ts';
import { loadImages } from './load-images.ts';
import { pullImage } from './pull-image.ts';
import { pushImage } from './push-image.ts';
import type { Credentials } from './registry-auth.ts';
import { RegistryClient } from './registry-client.ts';
import type { RegistryConfig } from './registry-config.ts';
import { startRegistry, type RegistryProcess, type RegistryProcessOptions } from './registry-process.ts';
import { makeCertificates, type TestCertificates } from './testing/certificates.ts';
import { readCopy, skopeo } from './testing/skopeo.ts';
import { startTokenService } from './testing/token-service.ts';

/*
 * Goal: whom we believe, and who believes us: certificates, accounts and tokens of real registries. Method: Debian's
 * registry with each of them; skopeo is asked the same, so that both agree on what is there.
 */

const platform = { os: 'linux', architecture: 'amd64' };
const account: Credentials = { username: 'bee', password: 'hush-hush' };
const image = buildImage({ layers: [[{ path: 'file', type: 'file', content: 'trusted\n' }]] });

let root: string;
let certificates: TestCertificates;
const registries: RegistryProcess[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'skep-oci-'));
  certificates = makeCertificates(root, 'registry');
});

afterEach(async () => {
  await Promise.all(registries.splice(0).map((registry) => registry.stop()));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function start(options: Omit<RegistryProcessOptions, 'directory'>): Promise<RegistryProcess> {
  const registry = await startRegistry({ directory: await mkdtemp(join(root, 'registry-')), ...options });
  registries.push(registry);
  return registry;
}

function reference(text: string): ImageReference {
  const parsed = parseReference(text);
  if (!parsed.ok) {
    throw parsed.error;
  }
  return parsed.value;
}

async function withClient<T>(
  name: string,
  who: { config?: RegistryConfig; credentials?: Credentials },
  work: (parts: { target: ImageReference; client: RegistryClient; store: ImageStore }) => Promise<T>,
): Promise<T> {
  const target = reference(name);
  const client = new RegistryClient(target, who.config, who.credentials);
  const store = await ImageStore.open(await mkdtemp(join(root, 'store-')));
  try {
    return await work({ target, client, store });
  } finally {
    await client.close();
    await store.close();
  }
}

/** Pushes the image and answers its digest. `siblings` are repositories that it is said to have come from. */
function push(
  name: string,
  who: { config?: RegistryConfig; credentials?: Credentials },
  siblings: readonly string[] = [],
): Promise<string> {
  return withClient(name, who, async ({ target, client, store }) => {
    const archive = Readable.from([buildArchive(image, [name])]);
    await loadImages({ store, archive, scratchRoot: root, platform });
    for (const sibling of siblings) {
      await store.tag(image.imageId, `${sibling}@${image.manifestDigest}`);
    }
    return (await pushImage({ image: store.get(name), reference: target, client, store })).digest;
  });
}

function pull(name: string, who: { config?: RegistryConfig; credentials?: Credentials }): Promise<string> {
  return withClient(name, who, async ({ target, client, store }) => {
    return (await pullImage({ reference: target, platform, client, store })).image.id;
  });
}

/** The address of a registry as a host of which nothing is believed: 127.0.0.1 itself may do without TLS. */
function strictly({ domain }: RegistryProcess): string {
  return domain.replace('127.0.0.1', '0.0.0.0');
}

function believing(domain: string, { authorityFile }: TestCertificates): { config: RegistryConfig } {
  return { config: { certificateAuthorities: { [domain]: readFileSync(authorityFile, 'utf8') } } };
}

test('a certificate of an unknown authority is refused, of a known one believed, and unread where that is asked for', async () => {
  const domain = strictly(await start({ tls: certificates }));
  const name = `${domain}/tls/app:1`;
  await expect(push(name, {})).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringMatching(/cannot reach the registry .*(unable to verify|self.signed|certificate)/),
  });
  const stranger = makeCertificates(root, 'stranger');
  await expect(push(name, believing(domain, stranger))).rejects.toMatchObject({ code: 'unavailable' });
  expect(await push(name, believing(domain, certificates))).toBe(image.manifestDigest);
  expect(await pull(name, believing(domain, certificates))).toBe(image.imageId);
  expect(await pull(name, { config: { insecureRegistries: [domain] } })).toBe(image.imageId);
  expect(await pull(name, { config: { insecureRegistries: ['0.0.0.0/32'] } })).toBe(image.imageId);
  // skopeo takes the authority from a directory, and believes the same certificate.
  const authorities = join(root, 'authorities');
  await mkdir(authorities);
  await copyFile(certificates.authorityFile, join(authorities, 'ca.crt'));
  const told = await skopeo('inspect', `--cert-dir=${authorities}`, `docker://${name}`);
  expect(JSON.parse(told)).toMatchObject({ Digest: image.manifestDigest });
});

test('an insecure registry may have TLS with any certificate, or none at all', async () => {
  const [encrypted, plain] = [await start({ tls: certificates }), await start({})];
  for (const domain of [strictly(encrypted), strictly(plain)]) {
    const insecure = { config: { insecureRegistries: [domain] } };
    expect(await push(`${domain}/any/app:1`, insecure)).toBe(image.manifestDigest);
  }
  await expect(pull(`${strictly(plain)}/any/app:1`, {})).rejects.toMatchObject({ code: 'unavailable' });
});

test('a mirror is believed by its own name: its authority counts, not that of the registry it stands for', async () => {
  const mirror = strictly(await start({ tls: certificates }));
  await push(`${mirror}/mirrored/app:1`, believing(mirror, certificates));
  const absent = '0.0.0.0:1';
  const mirrors = { [absent]: [`https://${mirror}`] };
  const name = `${absent}/mirrored/app:1`;
  const { config } = believing(mirror, certificates);
  expect(await pull(name, { config: { ...config, mirrors } })).toBe(image.imageId);
  expect(await pull(name, { config: { insecureRegistries: [mirror], mirrors } })).toBe(image.imageId);
  for (const useless of [believing(absent, certificates).config, { insecureRegistries: [absent] }]) {
    await expect(pull(name, { config: { ...useless, mirrors } })).rejects.toMatchObject({
      code: 'unavailable',
    });
  }
});

test('tokens of a real service: refused without an account, good for push, mount and pull with one', async () => {
  const { certificateFile, keyFile } = certificates;
  const names = { service: 'skep-registry', issuer: 'skep-issuer' };
  const tokens = await startTokenService({
    ...names,
    certificateFile,
    keyFile,
    username: 'bee',
    password: 'hush-hush',
  });
  try {
    const token = { ...names, realm: tokens.realm, certificateFile };
    const { domain } = await start({ token });
    const [first, second] = [`${domain}/team/first:1`, `${domain}/team/second:1`];
    await expect(push(first, {})).rejects.toMatchObject({ code: 'permission_denied' });
    await expect(push(first, { credentials: { ...account, password: 'wrong' } })).rejects.toMatchObject({
      code: 'permission_denied',
    });
    tokens.asked.length = 0;
    expect(await push(first, { credentials: account })).toBe(image.manifestDigest);
    expect(await push(second, { credentials: account }, [`${domain}/team/first`])).toBe(image.manifestDigest);
    expect(await pull(second, { credentials: account })).toBe(image.imageId);
    await expect(pull(second, {})).rejects.toMatchObject({ code: 'permission_denied' });
    const scopes = tokens.asked.filter(({ account: who }) => who === 'bee').map((each) => each.scopes);
    // The mount asked for both repositories in one token.
    expect(scopes.map((each) => [...each].sort())).toContainEqual([
      'repository:team/first:pull',
      expect.stringMatching(/^repository:team\/second:(pull,push|push,pull)$/),
    ]);
    const directory = join(root, 'by-token');
    const creds = ['--src-tls-verify=false', '--src-creds', 'bee:hush-hush'];
    await skopeo('copy', ...creds, `docker://${second}`, `dir:${directory}`);
    expect((await readCopy(directory)).manifest.config.digest).toBe(image.imageId);
  } finally {
    tokens.stop();
  }
});

test('what is pushed with an account is read with it by skopeo, and by nobody without', async () => {
  const htpasswdFile = join(root, 'htpasswd');
  await writeFile(htpasswdFile, 'bee:$2b$05$abcdefghijklmnopqrstuu4uoW5CdSDmY8cLkib7pLDRBlvRVo8Pe\n');
  const { domain } = await start({ htpasswdFile, tls: certificates });
  const name = `${domain}/guarded/app:1`;
  expect(await push(name, { credentials: account })).toBe(image.manifestDigest);
  const ask = ['inspect', '--tls-verify=false', '--format', '{{.Digest}}'];
  expect((await skopeo(...ask, '--creds', 'bee:hush-hush', `docker://${name}`)).trim()).toBe(
    image.manifestDigest,
  );
  await expect(skopeo(...ask, `docker://${name}`)).rejects.toThrow(/authentication required|unauthorized/);
});
