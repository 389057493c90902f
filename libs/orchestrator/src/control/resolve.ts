import { SwarmError } from '@skep/kernel';
import type { Config, Network, Node, Secret, Service, Stack, Task, User } from '@skep/model';
import { KIND_TITLES, type Kind, type NamedKind, type ObjectOf, type ReadTx } from '@skep/store';

/**
 * References as people write them: a full id, a unique name, or the beginning of an id that fits only one object.
 * Each function answers the object or throws `not_found` ("service web not found"), or `invalid_argument` when several
 * fit. Objects on their way out are not found.
 */
export function resolveService(tx: ReadTx, ref: string): Service {
  return resolveNamed(tx, 'service', ref);
}

export function resolveNetwork(tx: ReadTx, ref: string): Network {
  return resolveNamed(tx, 'network', ref);
}

export function resolveSecret(tx: ReadTx, ref: string): Secret {
  return resolveNamed(tx, 'secret', ref);
}

export function resolveConfig(tx: ReadTx, ref: string): Config {
  return resolveNamed(tx, 'config', ref);
}

export function resolveStack(tx: ReadTx, ref: string): Stack {
  return resolveNamed(tx, 'stack', ref);
}

export function resolveUser(tx: ReadTx, ref: string): User {
  return resolveNamed(tx, 'user', ref);
}

export function resolveTask(tx: ReadTx, ref: string): Task {
  return resolveById(tx, 'task', ref);
}

/** By id, host name, or beginning of the id. */
export function resolveNode(tx: ReadTx, ref: string): Node {
  const exact = tx.get('node', ref);
  if (exact !== undefined) {
    return exact;
  }
  const named = tx
    .list('node')
    .filter((node) => node.spec.name === ref || node.description?.hostname === ref);
  if (named.length === 1 && named[0] !== undefined) {
    return named[0];
  }
  if (named.length > 1) {
    throw ambiguous('node', ref, named.length);
  }
  return resolveById(tx, 'node', ref);
}

function resolveNamed<K extends NamedKind>(tx: ReadTx, kind: K, ref: string): ObjectOf[K] {
  const exact = tx.get(kind, ref);
  if (exact !== undefined && !isLeaving(exact)) {
    return exact;
  }
  return tx.byName(kind, ref) ?? resolveById(tx, kind, ref);
}

function resolveById<K extends Kind>(tx: ReadTx, kind: K, ref: string): ObjectOf[K] {
  const found = ref === '' ? [] : tx.byIdPrefix(kind, ref, 3).filter((object) => !isLeaving(object));
  if (found.length > 1) {
    throw ambiguous(kind, ref, found.length);
  }
  const [object] = found;
  if (object === undefined) {
    throw notFound(kind, ref);
  }
  return object;
}

function isLeaving(object: ObjectOf[Kind]): boolean {
  return 'pendingDelete' in object && object.pendingDelete === true;
}

/** "service web not found", as Docker says it. */
export function notFound(kind: Kind, ref: string): SwarmError {
  return new SwarmError('not_found', `${KIND_TITLES[kind]} ${ref} not found`, { details: { kind, ref } });
}

function ambiguous(kind: Kind, ref: string, count: number): SwarmError {
  return new SwarmError(
    'invalid_argument',
    `${KIND_TITLES[kind]} ${ref} is ambiguous (${String(count)} matches found)`,
    { details: { kind, ref } },
  );
}
