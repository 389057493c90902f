import { ME, PASSWORD, problem, type Answer, type ApiState, type Call } from './handlers.ts';
import { ROUTES } from './routes.ts';

function matchPath(pattern: string, path: string): string[] | undefined {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) {
    return undefined;
  }
  const refs: string[] = [];
  for (const [at, part] of wanted.entries()) {
    if (part.startsWith(':')) {
      refs.push(decodeURIComponent(given[at] ?? ''));
    } else if (part !== given[at]) {
      return undefined;
    }
  }
  return refs;
}

function publicAnswer({ method, path, body }: Call, state: ApiState): Answer | undefined {
  if (method === 'GET' && path === '/bootstrap') {
    return {
      status: 200,
      body: {
        state: state.isSetUp ? 'ready' : 'setup',
        build: 'fake',
        clusterName: 'atelier',
        nodeName: 'manager-1',
      },
    };
  }
  if (method === 'POST' && path === '/bootstrap/setup') {
    if (body['token'] !== 'SKEPSET-1' || state.isSetUp) {
      return problem(403, 'permission_denied', 'the set-up token is not valid');
    }
    state.isSetUp = true;
    return { status: 201, body: ME, cookie: 'sid=fake; Path=/; HttpOnly; SameSite=Strict' };
  }
  if (method === 'POST' && path === '/session') {
    return body['password'] === PASSWORD
      ? { status: 201, body: ME, cookie: 'sid=fake; Path=/; HttpOnly; SameSite=Strict' }
      : problem(401, 'unauthenticated', 'name or password is wrong');
  }
  return undefined;
}

/** Answers one request of the REST API. */
export function answer(call: Call, state: ApiState): Answer {
  const open = publicAnswer(call, state);
  if (open !== undefined) {
    return open;
  }
  if (!call.isSignedIn) {
    return problem(401, 'unauthenticated', 'sign in first');
  }
  if (call.method !== 'GET' && !state.condition.quorum && !call.path.endsWith('plan')) {
    return problem(503, 'unavailable', 'no quorum');
  }
  for (const [method, pattern, handler] of ROUTES) {
    const refs = method === call.method ? matchPath(pattern, call.path) : undefined;
    if (refs !== undefined) {
      return handler(call, refs, state);
    }
  }
  return problem(501, 'unimplemented', `the fake manager does not answer ${call.method} ${call.path}`);
}
