import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

/**
 * After `next build`: compressed siblings, the CSP hashes of every page, a manifest with sizes, and the budget of what
 * a first visit loads. Exits 1 when a page is over its budget.
 */
const OUT = join(import.meta.dirname, '../out');
const FIRST_LOAD_KB_MAX = 235;
const CSS_KB_MAX = 28;
const COMPRESSED = new Set(['.html', '.js', '.css', '.txt', '.json', '.svg', '.map']);
const KB = 1024;

interface FileFacts {
  readonly path: string;
  readonly bytes: number;
  readonly gzip: number;
  readonly brotli: number;
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesUnder(path) : [path];
  });
}

function compress(path: string): FileFacts {
  const data = readFileSync(path);
  const name = relative(OUT, path);
  if (!COMPRESSED.has(extname(path))) {
    return { path: name, bytes: data.length, gzip: data.length, brotli: data.length };
  }
  const gzip = gzipSync(data, { level: 9 });
  const brotli = brotliCompressSync(data, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length },
  });
  writeFileSync(`${path}.gz`, gzip);
  writeFileSync(`${path}.br`, brotli);
  return { path: name, bytes: data.length, gzip: gzip.length, brotli: brotli.length };
}

const INLINE = /<script(?![^>]*\bsrc=)([^>]*)>([\s\S]*?)<\/script>/g;
const SOURCE = /<script[^>]*\bsrc="([^"]+)"([^>]*)>/g;
const STYLE = /<link[^>]*rel="stylesheet"[^>]*href="([^"]+)"/g;

function hashesOf(html: string): string[] {
  const hashes = [...html.matchAll(INLINE)]
    .filter(([, attributes]) => !/type="application\/(?:ld\+)?json"/.test(attributes ?? ''))
    .map(
      ([, , code]) =>
        `sha256-${createHash('sha256')
          .update(code ?? '')
          .digest('base64')}`,
    );
  return [...new Set(hashes)];
}

function loadedBy(html: string, pattern: RegExp): string[] {
  return [
    ...new Set(
      [...html.matchAll(pattern)]
        .filter(([whole]) => !whole.includes('noModule'))
        .map(([, url]) => (url ?? '').replace(/^\//, '')),
    ),
  ];
}

const files = filesUnder(OUT)
  .filter((path) => !/\.(?:gz|br)$/.test(path))
  .map(compress);
const facts = new Map(files.map((file) => [file.path, file]));
const pages = files.filter(({ path }) => path.endsWith('.html'));
const csp: Record<string, string[]> = {};
const rows: { page: string; html: number; js: number; jsBrotli: number; css: number }[] = [];

for (const page of pages) {
  const html = readFileSync(join(OUT, page.path), 'utf8');
  csp[page.path] = hashesOf(html);
  const sum = (paths: string[], of: 'gzip' | 'brotli') =>
    paths.reduce((total, path) => total + (facts.get(path)?.[of] ?? 0), 0);
  const scripts = loadedBy(html, SOURCE);
  rows.push({
    page: page.path,
    html: page.gzip / KB,
    js: sum(scripts, 'gzip') / KB,
    jsBrotli: sum(scripts, 'brotli') / KB,
    css: sum(loadedBy(html, STYLE), 'gzip') / KB,
  });
}

const build = readdirSync(join(OUT, '_next/static')).find((name) => /^[0-9a-f]{12}$/.test(name)) ?? '';
writeFileSync(join(OUT, 'csp.json'), `${JSON.stringify({ build, pages: csp }, null, 1)}\n`);
writeFileSync(
  join(OUT, 'manifest.json'),
  `${JSON.stringify({ build, files: files.map(({ path, bytes, gzip, brotli }) => ({ path, bytes, gzip, brotli })) })}\n`,
);

const cell = (value: number) => value.toFixed(1).padStart(8);
process.stdout.write(`build ${build}, KB compressed\n${'page'.padEnd(28)}    html   js gz   js br     css\n`);
for (const row of rows.toSorted((a, b) => b.js - a.js)) {
  process.stdout.write(
    `${row.page.padEnd(28)}${cell(row.html)}${cell(row.js)}${cell(row.jsBrotli)}${cell(row.css)}\n`,
  );
}
const over = rows.filter((row) => row.js > FIRST_LOAD_KB_MAX || row.css > CSS_KB_MAX);
if (over.length > 0) {
  process.stderr.write(
    `over the budget of ${String(FIRST_LOAD_KB_MAX)} KB: ${over.map((row) => row.page).join(', ')}\n`,
  );
  process.exitCode = 1;
}
