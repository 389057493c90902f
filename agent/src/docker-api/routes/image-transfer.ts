import { pipeline } from 'node:stream/promises';

import { SwarmError } from '@skep/kernel';

import type { DockerApiContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import { ProgressStream } from '../progress-stream.ts';
import type { Route } from '../router.ts';
import { credentialsOf } from './registry-credentials.ts';

/** Images on their way in and out. These routes stand before those of routes/images.ts: names are greedy. */
export function imageTransferRoutes(context: DockerApiContext): Route[] {
  return [
    { method: 'POST', path: '/images/create', handle: (exchange) => create(context, exchange) },
    { method: 'POST', path: '/images/load', handle: (exchange) => load(context, exchange) },
    { method: 'GET', path: '/images/get', handle: (exchange) => save(context, exchange) },
    { method: 'GET', path: '/images/{name*}/get', handle: (exchange) => save(context, exchange) },
    { method: 'POST', path: '/images/{name*}/push', handle: (exchange) => push(context, exchange) },
  ];
}

/** `name` with a tag or digest: clients send the two apart. */
export function joinReference(name: string, tag: string | undefined): string {
  if (tag === undefined) {
    return name;
  }
  return tag.includes(':') ? `${name}@${tag}` : `${name}:${tag}`;
}

/** The part of a reference without registry, tag and digest: `library/busybox`. */
function repositoryPath(reference: string): string {
  const bare = reference.replace(/@.*$/, '').replace(/:[^/:]+$/, '');
  const [first = '', ...rest] = bare.split('/');
  const isRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isRegistry ? rest.join('/') : bare;
}

/** A reference as people write it: `docker.io/library/busybox:latest` is `busybox:latest`. */
function familiarName(reference: string): string {
  return reference.replace(/^docker\.io\/(library\/)?/, '');
}

function tagOf(reference: string): string {
  const digest = reference.indexOf('@');
  return digest >= 0 ? reference.slice(digest + 1) : (/:([^/:]+)$/.exec(reference)?.[1] ?? 'latest');
}

async function create({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const fromImage = exchange.text('fromImage');
  if (fromImage === undefined) {
    await importRootfs(engine.images, exchange);
    return;
  }
  const reference = joinReference(fromImage, exchange.text('tag'));
  const platform = exchange.text('platform');
  const progress = new ProgressStream(exchange);
  await progress.run(async () => {
    let hasHeading = false;
    const pulled = await engine.images.pull(reference, {
      ...credentialsOf(exchange),
      ...(platform === undefined ? {} : { platform }),
      onProgress: (step) => {
        if (!hasHeading) {
          hasHeading = true;
          progress.write({ status: `Pulling from ${repositoryPath(reference)}`, id: tagOf(reference) });
        }
        // The end of the pull is told below, in Docker's words.
        if (!/^(Digest|Status): /.test(step.status)) {
          progress.onProgress(step);
        }
      },
      signal: exchange.signal,
    });
    const name = familiarName(pulled.reference);
    progress.write({ status: `Digest: ${pulled.digest}` });
    progress.write({
      status: pulled.isNew
        ? `Status: Downloaded newer image for ${name}`
        : `Status: Image is up to date for ${name}`,
    });
  });
}

async function importRootfs(images: DockerApiContext['engine']['images'], exchange: Exchange): Promise<void> {
  if (exchange.text('fromSrc') !== '-') {
    throw new SwarmError(
      'unimplemented',
      'importing from a URL is not supported; download the archive and give it on standard input',
    );
  }
  const repo = exchange.text('repo');
  const message = exchange.text('message');
  const platform = exchange.text('platform');
  const progress = new ProgressStream(exchange);
  await progress.run(async () => {
    const id = await images.importRootfs(exchange.body, {
      ...(repo === undefined ? {} : { reference: joinReference(repo, exchange.text('tag')) }),
      ...(message === undefined ? {} : { message }),
      ...(platform === undefined ? {} : { platform }),
      changes: exchange.query.getAll('changes').filter((change) => change !== ''),
    });
    progress.write({ status: id });
  });
}

async function load({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const progress = new ProgressStream(exchange, { isQuiet: exchange.flag('quiet') });
  await progress.run(async () => {
    const loaded = await engine.images.load(exchange.body, { onProgress: progress.onProgress });
    for (const { imageId, tags } of loaded) {
      const lines =
        tags.length === 0 ? [`Loaded image ID: ${imageId}`] : tags.map((tag) => `Loaded image: ${tag}`);
      for (const line of lines) {
        progress.write({ stream: `${line}\n` });
      }
    }
  });
}

async function save({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const named = exchange.param('name');
  const names = named === '' ? exchange.query.getAll('names').flatMap((text) => text.split(',')) : [named];
  const wanted = names.filter((name) => name !== '');
  if (wanted.length === 0) {
    throw new SwarmError('invalid_argument', 'no image specified: names must be given');
  }
  const tar = await engine.images.save(wanted);
  await pipeline(tar, exchange.startStream('application/x-tar'));
}

async function push({ engine }: DockerApiContext, exchange: Exchange): Promise<void> {
  const name = exchange.param('name');
  const tag = exchange.text('tag');
  const reference = joinReference(name, tag);
  const progress = new ProgressStream(exchange);
  await progress.run(async () => {
    let hasHeading = false;
    const pushed = await engine.images.push(reference, {
      ...credentialsOf(exchange),
      onProgress: (step) => {
        if (!hasHeading) {
          hasHeading = true;
          progress.write({ status: `The push refers to repository [${name}]` });
        }
        progress.onProgress(step);
      },
      signal: exchange.signal,
    });
    const shownTag = tag ?? tagOf(reference);
    progress.write({
      status: `${shownTag}: digest: ${pushed.digest} size: ${String(pushed.sizeBytes)}`,
    });
    progress.write({ aux: { Tag: shownTag, Digest: pushed.digest, Size: pushed.sizeBytes } });
  });
}
