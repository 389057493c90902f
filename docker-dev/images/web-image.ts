import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';

import { buildImage, type BuiltImage, type ImageFile } from '@skep/oci';

import { BASE_FILES, busyboxFiles } from './busybox-image.ts';

/** The sample's web server: it says which task answers and from where it sees the client come. */
const SERVER = `import { createServer } from 'node:http';
import { hostname } from 'node:os';

const server = createServer((request, response) => {
  const client = request.socket.remoteAddress.replace('::ffff:', '');
  if (request.url === '/healthz') {
    response.end('ok\\n');
    return;
  }
  console.log(new Date().toISOString(), request.method, request.url, client);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ task: hostname(), node: process.env.NODE_NAME ?? '', client }) + '\\n');
});
server.listen(8080, () => console.log('listening on 8080'));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

/** The libraries that the Node binary loads, with the places it looks for them. */
function nodeLibraries(): { readonly path: string; readonly source: string }[] {
  return execFileSync('ldd', [process.execPath], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const path = /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1];
      return path === undefined ? [] : [{ path: path.slice(1), source: realpathSync(path) }];
    });
}

function parentFolders(paths: readonly string[]): ImageFile[] {
  const known = new Set(BASE_FILES.map(({ path }) => path));
  const folders = new Set<string>();
  for (const path of paths) {
    const steps = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= steps.length; depth += 1) {
      const folder = steps.slice(0, depth).join('/');
      if (!known.has(folder)) {
        folders.add(folder);
      }
    }
  }
  return [...folders].sort().map((path): ImageFile => ({ path, type: 'directory', mode: 0o755 }));
}

/** The sample's `web`: the Node that runs this very program, its libraries, busybox for a shell, and a server. */
export function webImage(): BuiltImage {
  const libraries = nodeLibraries();
  return buildImage({
    layers: [
      [...BASE_FILES, ...busyboxFiles()],
      [
        ...parentFolders([...libraries.map(({ path }) => path), 'usr/bin/node']),
        ...libraries.map(({ path, source }): ImageFile => ({
          path,
          type: 'file',
          mode: 0o755,
          content: readFileSync(source),
        })),
        { path: 'usr/bin/node', type: 'file', mode: 0o755, content: readFileSync(process.execPath) },
      ],
      [
        { path: 'srv', type: 'directory', mode: 0o755 },
        { path: 'srv/server.mjs', type: 'file', mode: 0o644, content: SERVER },
      ],
    ],
    config: {
      cmd: ['/usr/bin/node', '/srv/server.mjs'],
      env: ['PATH=/bin:/usr/bin'],
      user: '65534:65534',
      exposedPorts: ['8080/tcp'],
    },
  });
}
