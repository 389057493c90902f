import type { Exchange } from './exchange.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';

export type Handler = (exchange: Exchange) => Promise<void> | void;

/**
 * One endpoint. `{name}` in the path takes one segment, `{name*}` takes any number (image names hold slashes).
 * A GET route answers HEAD too, unless HEAD has a route of its own.
 */
export interface Route {
  readonly method: Method;
  readonly path: string;
  readonly handle: Handler;
}

export interface RouteMatch {
  readonly handle: Handler;
  readonly params: Readonly<Record<string, string>>;
}

interface CompiledRoute {
  readonly method: Method;
  readonly pattern: RegExp;
  readonly names: readonly string[];
  readonly handle: Handler;
}

/** Finds the handler of a request. Routes are tried in the order they were given. */
export class Router {
  /** By first segment of the path. */
  readonly #routes = new Map<string, CompiledRoute[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const key = firstSegment(route.path);
      const list = this.#routes.get(key) ?? [];
      list.push(compile(route));
      this.#routes.set(key, list);
    }
  }

  /** `path` has no version prefix; undefined when there is no such endpoint. */
  find(method: string, path: string): RouteMatch | undefined {
    const candidates = this.#routes.get(firstSegment(path)) ?? [];
    return (
      findIn(candidates, method, path) ?? (method === 'HEAD' ? findIn(candidates, 'GET', path) : undefined)
    );
  }
}

function firstSegment(path: string): string {
  const end = path.indexOf('/', 1);
  return end < 0 ? path : path.slice(0, end);
}

function compile(route: Route): CompiledRoute {
  const names: string[] = [];
  const source = route.path.replace(/\{(\w+)(\*?)\}/g, (_, name: string, isDeep: string) => {
    names.push(name);
    return isDeep === '*' ? '(.+)' : '([^/]+)';
  });
  return { method: route.method, pattern: new RegExp(`^${source}$`), names, handle: route.handle };
}

function findIn(candidates: readonly CompiledRoute[], method: string, path: string): RouteMatch | undefined {
  for (const route of candidates) {
    if (route.method !== method) {
      continue;
    }
    const match = route.pattern.exec(path);
    const params = match === null ? undefined : decodeParams(route.names, match);
    if (params !== undefined) {
      return { handle: route.handle, params };
    }
  }
  return undefined;
}

function decodeParams(
  names: readonly string[],
  match: RegExpExecArray,
): Readonly<Record<string, string>> | undefined {
  try {
    return Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(match[index + 1] ?? '')]));
  } catch {
    // A stray percent sign: no object has such a name.
    return undefined;
  }
}
