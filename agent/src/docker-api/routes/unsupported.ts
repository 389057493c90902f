import { SwarmError } from '@skep/kernel';

import type { Method, Route } from '../router.ts';

function refuse(method: Method, path: string, sentence: string): Route {
  return {
    method,
    path,
    handle: () => {
      throw new SwarmError('unimplemented', sentence);
    },
  };
}

const PLUGINS = 'plugins are not supported: drivers are built in';
const BUILDKIT = 'BuildKit is not supported: build with DOCKER_BUILDKIT=0';
const CHECKPOINTS = 'checkpoints are not supported';

/** Endpoints of the Engine API that are known and not served. Each says so in a sentence, with status 501. */
export function unsupportedRoutes(): Route[] {
  return [
    refuse('POST', '/session', BUILDKIT),
    refuse('POST', '/grpc', BUILDKIT),
    refuse('POST', '/build/cancel', 'end the connection of a build to cancel it'),
    refuse(
      'GET',
      '/containers/{name}/attach/ws',
      'attaching over a WebSocket is not supported; use POST /containers/{id}/attach',
    ),
    refuse('GET', '/containers/{name}/checkpoints', CHECKPOINTS),
    refuse('POST', '/containers/{name}/checkpoints', CHECKPOINTS),
    refuse('DELETE', '/containers/{name}/checkpoints/{checkpoint}', CHECKPOINTS),
    {
      method: 'GET',
      path: '/plugins',
      handle: (exchange) => {
        exchange.sendJson(200, []);
      },
    },
    refuse('GET', '/plugins/privileges', PLUGINS),
    refuse('POST', '/plugins/pull', PLUGINS),
    refuse('POST', '/plugins/create', PLUGINS),
    refuse('GET', '/plugins/{name*}/json', PLUGINS),
    refuse('DELETE', '/plugins/{name*}', PLUGINS),
    refuse('POST', '/plugins/{name*}/enable', PLUGINS),
    refuse('POST', '/plugins/{name*}/disable', PLUGINS),
    refuse('POST', '/plugins/{name*}/push', PLUGINS),
    refuse('POST', '/plugins/{name*}/set', PLUGINS),
    refuse('POST', '/plugins/{name*}/upgrade', PLUGINS),
    refuse('PUT', '/volumes/{name}', 'cluster volumes (CSI) are not supported'),
  ];
}
