import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';

import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { z } from 'zod';

/** Where nothing but the console may be looked for. */
const NOT_CONSOLE = /^\/(?:api|internal|metrics|healthz|readyz)(?:\/|$)/;
const IMMUTABLE = 'public, max-age=31536000, immutable';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
};

/** Hashes of the inline scripts of each page, made by the console's build. */
const PolicyFile = z.object({
  build: z.string().optional(),
  pages: z.record(z.string(), z.array(z.string())),
});

interface ConsoleFile {
  readonly path: string;
  readonly bytes: number;
  readonly etag: string;
  readonly encodings: Readonly<
    Partial<Record<'br' | 'gzip', { readonly path: string; readonly bytes: number }>>
  >;
}

/** Policy for pages whose inline scripts have these hashes. */
export function contentSecurityPolicy(scriptHashes: readonly string[]): string {
  const scripts = ["'self'", ...scriptHashes.map((hash) => `'${hash.replace(/^'|'$/g, '')}'`)].join(' ');
  return [
    "default-src 'none'",
    `script-src ${scripts}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/**
 * The console's static export, as console.md 3.3 wants it served: from a list of the files that exist, so that no path
 * leads elsewhere; compressed copies made at build time; clean addresses; the page 404.html for what there is not.
 */
export class ConsoleFiles {
  readonly #files = new Map<string, ConsoleFile>();
  readonly #policies: Readonly<Record<string, readonly string[]>>;
  /** Name of the console's build, told to open pages so that they can offer to reload. */
  readonly build: string | undefined;

  /** `previousDir` holds the build before, whose scripts are still served to pages that were open during an upgrade. */
  constructor(dir: string, previousDir?: string) {
    if (previousDir !== undefined && existsSync(join(previousDir, '_next', 'static'))) {
      this.#index(previousDir, join(previousDir, '_next', 'static'));
    }
    this.#index(dir, dir);
    const { pages, build } = readPolicies(join(dir, 'csp.json'));
    this.#policies = pages;
    this.build = build;
  }

  get count(): number {
    return this.#files.size;
  }

  readonly handle: RequestHandler = (request: Request, response: Response, next: NextFunction) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (!isRead || NOT_CONSOLE.test(request.path)) {
      next();
      return;
    }
    const found = this.#find(request.path);
    if (found !== undefined) {
      this.#send(request, response, { ...found, status: 200 });
      return;
    }
    const missing = this.#files.get('/404.html');
    if (missing === undefined) {
      next();
      return;
    }
    this.#send(request, response, { name: '/404.html', file: missing, status: 404 });
  };

  /** `/service` is `service.html`; `/` is `index.html`; anything else is there by its own name. */
  #find(path: string): { name: string; file: ConsoleFile } | undefined {
    const clean = decodePath(path);
    if (clean === undefined) {
      return undefined;
    }
    const trimmed = clean.length > 1 ? clean.replace(/\/+$/, '') : clean;
    const candidates =
      trimmed === '/' || trimmed === ''
        ? ['/index.html']
        : [trimmed, `${trimmed}.html`, `${trimmed}/index.html`];
    for (const name of candidates) {
      const file = this.#files.get(name);
      if (file !== undefined) {
        return { name, file };
      }
    }
    return undefined;
  }

  #send(
    request: Request,
    response: Response,
    { name, file, status }: { readonly name: string; readonly file: ConsoleFile; readonly status: number },
  ): void {
    const extension = extname(name);
    response.status(status);
    for (const [header, value] of Object.entries(SECURITY_HEADERS)) {
      response.setHeader(header, value);
    }
    response.setHeader('content-type', MEDIA_TYPES[extension] ?? 'application/octet-stream');
    response.setHeader('cache-control', name.startsWith('/_next/static/') ? IMMUTABLE : 'no-cache');
    response.setHeader('etag', file.etag);
    response.setHeader('vary', 'Accept-Encoding');
    if (extension === '.html') {
      response.setHeader('content-security-policy', contentSecurityPolicy(this.#hashesOf(name)));
    }
    if (status === 200 && request.headers['if-none-match'] === file.etag) {
      response.status(304).end();
      return;
    }
    const encoding = chooseEncoding(request.headers['accept-encoding'], file);
    const body = encoding === undefined ? file : (file.encodings[encoding] ?? file);
    if (encoding !== undefined) {
      response.setHeader('content-encoding', encoding);
    }
    response.setHeader('content-length', String(body.bytes));
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    createReadStream(body.path)
      .on('error', () => response.destroy())
      .pipe(response);
  }

  #hashesOf(name: string): readonly string[] {
    return this.#policies[name.slice(1)] ?? [];
  }

  #index(root: string, folder: string): void {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        this.#index(root, path);
      } else if (entry.isFile() && !/\.(?:br|gz)$/.test(entry.name)) {
        this.#files.set(`/${relative(root, path).split(sep).join('/')}`, describe(path));
      }
    }
  }
}

function describe(path: string): ConsoleFile {
  const bytes = statSync(path).size;
  const digest = createHash('sha256').update(readFileSync(path)).digest('base64url').slice(0, 22);
  const compressed = (extension: string): { path: string; bytes: number } | undefined =>
    existsSync(path + extension)
      ? { path: path + extension, bytes: statSync(path + extension).size }
      : undefined;
  const [br, gzip] = [compressed('.br'), compressed('.gz')];
  return {
    path,
    bytes,
    etag: `"${digest}"`,
    encodings: { ...(br === undefined ? {} : { br }), ...(gzip === undefined ? {} : { gzip }) },
  };
}

function readPolicies(path: string): z.infer<typeof PolicyFile> {
  if (!existsSync(path)) {
    return { pages: {} };
  }
  return PolicyFile.parse(JSON.parse(readFileSync(path, 'utf8')));
}

function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

function chooseEncoding(accepted: string | undefined, file: ConsoleFile): 'br' | 'gzip' | undefined {
  const offers = (accepted ?? '').split(',').map((part) => part.trim());
  const accepts = (name: string): boolean =>
    offers.some((offer) => {
      const [coding, ...parameters] = offer.split(';').map((part) => part.trim());
      return coding === name && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    });
  return (['br', 'gzip'] as const).find((name) => file.encodings[name] !== undefined && accepts(name));
}
