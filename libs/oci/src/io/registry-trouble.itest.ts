import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { parseReference, type ImageReference } from '../core/reference.ts';
import { buildArchive, buildImage, type BuiltImage } from './image-builder.ts';
import { ImageStore } from './image-store.ts';
import { loadImages } from './load-images.ts';
import { pullImage } from './pull-image.ts';
import { pushImage } from './push-image.ts';
import type { Credentials } from './registry-auth.ts';
import { RegistryClient } from './registry-client.ts';
import { startRegistry, type RegistryProcess } from './registry-process.ts';

/*
 * Goal: pulls survive what real networks and registries do. Method: a real registry behind a small proxy that cuts
 * transfers, asks for tokens, or answers with wrong bytes.
 */

const platform = { os: 'linux', architecture: 'amd64' };
const image: BuiltImage = buildImage({
  layers: [1, 2, 3].map((number) => [
    { path: `file-${String(number)}`, type: 'file' as const, content: randomBytes(2_000_000) },
  ]),
});

type Meddle = (
  request: IncomingMessage,
  response: ServerResponse,
) => 'pass' | 'answered' | { cutAfterBytes: number } | 'corrupt';

let root: string;
let registry: RegistryProcess;
let proxy: Server;
let proxyDomain: string;
let meddle: Meddle = () => 'pass';
let blobRequests: string[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'skep-oci-'));
  registry = await startRegistry({ directory: join(root, 'registry') });
  proxy = createServer(forward);
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  proxyDomain = `127.0.0.1:${String((proxy.address() as AddressInfo).port)}`;
  const store = await ImageStore.open(join(root, 'origin'));
  const name = `${registry.domain}/app:1`;
  await loadImages({
    store,
    archive: Readable.from([buildArchive(image, [name])]),
    scratchRoot: root,
    platform,
  });
  const target = reference(name);
  const client = new RegistryClient(target);
  await pushImage({ image: store.get(name), reference: target, client, store });
  await client.close();
  await store.close();
});

beforeEach(() => {
  meddle = () => 'pass';
  blobRequests = [];
});

afterAll(async () => {
  proxy.closeAllConnections();
  proxy.close();
  await registry.stop();
  await rm(root, { recursive: true, force: true });
});

function forward(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'GET' && request.url?.includes('/blobs/') === true) {
    blobRequests.push(request.headers.range ?? 'whole');
  }
  const plan = meddle(request, response);
  if (plan === 'answered') {
    return;
  }
  const [host, port] = registry.domain.split(':');
  const onward = httpRequest(
    {
      host,
      port,
      method: request.method,
      path: request.url,
      headers: { ...request.headers, host: registry.domain },
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      let sent = 0;
      answer.on('data', (chunk: Buffer) => {
        if (plan === 'corrupt') {
          chunk[0] = (chunk[0] ?? 0) ^ 0xff;
        }
        sent += chunk.length;
        response.write(chunk);
        if (typeof plan === 'object' && sent > plan.cutAfterBytes) {
          response.socket?.destroy();
          answer.destroy();
        }
      });
      answer.on('end', () => response.end());
      answer.on('error', () => response.destroy());
    },
  );
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}

function reference(text: string): ImageReference {
  const parsed = parseReference(text);
  if (!parsed.ok) {
    throw parsed.error;
  }
  return parsed.value;
}

async function pull(store: ImageStore, domain: string, credentials?: Credentials): Promise<string> {
  const target = reference(`${domain}/app:1`);
  const client = new RegistryClient(target, {}, credentials);
  try {
    return (await pullImage({ reference: target, platform, client, store })).image.id;
  } finally {
    await client.close();
  }
}

async function withStore<T>(work: (store: ImageStore) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(root, 'store-'));
  const store = await ImageStore.open(directory);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

test('a transfer that is cut again and again goes on where it was', async () => {
  let cuts = 0;
  meddle = (request) => {
    const isBlob = request.url?.includes('/blobs/') === true;
    cuts += isBlob ? 1 : 0;
    return isBlob ? { cutAfterBytes: 600_000 } : 'pass';
  };
  await withStore(async (store) => {
    expect(await pull(store, proxyDomain)).toBe(image.imageId);
  });
  expect(cuts).toBeGreaterThan(8);
  expect(blobRequests.filter((range) => range.startsWith('bytes=')).length).toBeGreaterThan(5);
});

test('wrong bytes are found out by the digest and never kept', async () => {
  meddle = (request) => (request.url?.includes('/blobs/') === true ? 'corrupt' : 'pass');
  await withStore(async (store) => {
    await expect(pull(store, proxyDomain)).rejects.toMatchObject({ code: 'data_loss' });
    expect(store.list()).toEqual([]);
    meddle = () => 'pass';
    expect(await pull(store, proxyDomain)).toBe(image.imageId);
  });
}, 60_000);

test('a blob that is damaged on the disk is found out and fetched again', async () => {
  await withStore(async (store) => {
    await pull(store, registry.domain);
    await writeFile(store.content.blobPath(image.imageId), '{"damaged":true}');
    await expect(store.content.readDocument(image.imageId)).rejects.toMatchObject({ code: 'data_loss' });
    expect(await pull(store, registry.domain)).toBe(image.imageId);
    expect(JSON.parse(await readFile(store.content.blobPath(image.imageId), 'utf8'))).toHaveProperty(
      'rootfs',
    );
  });
});

test('pulls of one image at the same time share their transfers', async () => {
  await withStore(async (store) => {
    const ids = await Promise.all([
      pull(store, proxyDomain),
      pull(store, proxyDomain),
      pull(store, proxyDomain),
    ]);
    expect(new Set(ids)).toEqual(new Set([image.imageId]));
  });
  expect(blobRequests).toHaveLength(4);
});

test('a cancelled pull stops, and the next one resumes it', async () => {
  await withStore(async (store) => {
    const abort = new AbortController();
    meddle = (request) => {
      if (request.url?.includes('/blobs/') === true && blobRequests.length === 3) {
        abort.abort();
      }
      return 'pass';
    };
    const target = reference(`${proxyDomain}/app:1`);
    const client = new RegistryClient(target);
    await expect(
      pullImage({ reference: target, platform, client, store, signal: abort.signal }),
    ).rejects.toMatchObject({
      code: 'cancelled',
    });
    await client.close();
    meddle = () => 'pass';
    expect(await pull(store, proxyDomain)).toBe(image.imageId);
  });
});

test('a full disk is a clear error, and what is in the store stays good', async () => {
  const small = join(root, 'small');
  mkdirSync(small);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=9m', 'skep-test', small]);
  try {
    const store = await ImageStore.open(join(small, 'store'));
    await expect(pull(store, registry.domain)).rejects.toMatchObject({
      code: 'resource_exhausted',
      temporary: false,
    });
    for (const digest of await store.content.list()) {
      expect(await store.content.verify(digest)).toBe(true);
    }
    expect(store.list()).toEqual([]);
    await store.close();
  } finally {
    execFileSync('umount', [small]);
  }
});

test('token authentication: the challenge is answered with the account, and the token is used for all', async () => {
  const asked: { scope: string | null; authorization: string | undefined }[] = [];
  meddle = (request, response) => {
    const url = new URL(request.url ?? '/', `http://${proxyDomain}`);
    if (url.pathname === '/token') {
      asked.push({ scope: url.searchParams.get('scope'), authorization: request.headers.authorization });
      const isKnown = request.headers.authorization === `Basic ${Buffer.from('bee:hive').toString('base64')}`;
      response
        .writeHead(isKnown ? 200 : 401)
        .end(isKnown ? JSON.stringify({ token: 'opaque', expires_in: 300 }) : '{}');
      return 'answered';
    }
    if (request.headers.authorization !== 'Bearer opaque') {
      const realm = `http://${proxyDomain}/token`;
      response
        .writeHead(401, {
          'www-authenticate': `Bearer realm="${realm}",service="test",scope="repository:app:pull"`,
        })
        .end('{"errors":[{"code":"UNAUTHORIZED"}]}');
      return 'answered';
    }
    return 'pass';
  };
  await withStore(async (store) => {
    await expect(pull(store, proxyDomain)).rejects.toMatchObject({ code: 'permission_denied' });
    await expect(pull(store, proxyDomain, { username: 'bee', password: 'wrong' })).rejects.toThrow(
      'pull access denied',
    );
    asked.length = 0;
    expect(await pull(store, proxyDomain, { username: 'bee', password: 'hive' })).toBe(image.imageId);
  });
  expect(new Set(asked.map((each) => each.scope))).toEqual(new Set(['repository:app:pull']));
});

test('basic authentication with the real registry', async () => {
  const htpasswdFile = join(root, 'htpasswd');
  await writeFile(htpasswdFile, 'bee:$2b$05$abcdefghijklmnopqrstuu4uoW5CdSDmY8cLkib7pLDRBlvRVo8Pe\n');
  const guarded = await startRegistry({ directory: join(root, 'guarded'), htpasswdFile });
  try {
    await withStore(async (store) => {
      const name = `${guarded.domain}/app:1`;
      await loadImages({
        store,
        archive: Readable.from([buildArchive(image, [name])]),
        scratchRoot: root,
        platform,
      });
      const target = reference(name);
      const push = async (credentials?: Credentials): Promise<void> => {
        const client = new RegistryClient(target, {}, credentials);
        try {
          await pushImage({ image: store.get(name), reference: target, client, store });
        } finally {
          await client.close();
        }
      };
      await expect(push()).rejects.toMatchObject({ code: 'permission_denied' });
      await push({ username: 'bee', password: 'hush-hush' });
    });
    await withStore(async (store) => {
      expect(await pull(store, guarded.domain, { username: 'bee', password: 'hush-hush' })).toBe(
        image.imageId,
      );
    });
  } finally {
    await guarded.stop();
  }
});

test('a mirror is asked first and its failure is not final', async () => {
  const target = reference(`${registry.domain}/app:1`);
  const config = { mirrors: { [registry.domain]: [`http://${proxyDomain}`] } };
  await withStore(async (store) => {
    const client = new RegistryClient(target, config);
    await pullImage({ reference: target, platform, client, store });
    await client.close();
  });
  expect(blobRequests).toHaveLength(4);
  meddle = (_request, response) => {
    response.writeHead(503).end();
    return 'answered';
  };
  await withStore(async (store) => {
    const client = new RegistryClient(target, config);
    expect((await pullImage({ reference: target, platform, client, store })).image.id).toBe(image.imageId);
    await client.close();
  });
});
