import { SWARM_SENTENCES } from '@skep/docker-api';
import { SwarmError, isSwarmError } from '@skep/kernel';

import type { DockerApiContext } from '../context.ts';
import type { SwarmGateway } from '../swarm-gateway.ts';

const NO_LEADER =
  "The swarm does not have a leader. It's possible that too few managers are online. " +
  'Make sure more than half of the managers are online.';

/** Kinds of swarm objects, as Docker's sentences name them. */
export type SwarmKind = 'service' | 'node' | 'task' | 'secret' | 'config' | 'network' | 'swarm';

/**
 * Runs `action` on the managers when this node is one; errors come out in Docker's words.
 * @throws SwarmError with Docker's sentence and status.
 */
export async function onManager<T>(
  context: DockerApiContext,
  subject: { readonly kind: SwarmKind; readonly ref?: string },
  action: (swarm: SwarmGateway) => Promise<T>,
): Promise<T> {
  await checkManager(context);
  try {
    return await action(context.swarm);
  } catch (error) {
    throw inDockersWords(error, subject);
  }
}

/** @throws SwarmError `not_manager` with Docker's sentence when this node cannot speak for the swarm. */
export async function checkManager({ node }: DockerApiContext): Promise<void> {
  const { state, isManager, error } = await node.info();
  const refuse = (sentence: string): SwarmError => new SwarmError('not_manager', sentence);
  if (state === 'locked') {
    throw refuse(SWARM_SENTENCES.locked);
  }
  if (state === 'inactive') {
    throw refuse(SWARM_SENTENCES.noSwarmYet);
  }
  if (state === 'error' && error !== '') {
    throw refuse(error);
  }
  if (!isManager) {
    throw refuse(SWARM_SENTENCES.notManager);
  }
}

function inDockersWords(
  error: unknown,
  { kind, ref }: { readonly kind: SwarmKind; readonly ref?: string },
): unknown {
  if (!isSwarmError(error)) {
    return error;
  }
  const options = { cause: error, fields: error.fields, details: error.details };
  switch (error.code) {
    case 'not_found':
      return ref === undefined ? error : new SwarmError('not_found', notFoundText(error, kind, ref), options);
    case 'version_conflict':
      return new SwarmError('version_conflict', SWARM_SENTENCES.outOfSequence, options);
    case 'name_conflict':
    case 'already_exists':
      return ref === undefined
        ? error
        : new SwarmError(
            error.code,
            `name conflicts with an existing object: ${kind} ${ref} already exists`,
            options,
          );
    case 'not_manager':
      return new SwarmError('not_manager', SWARM_SENTENCES.notManager, options);
    case 'not_leader':
    case 'unavailable':
      return new SwarmError('unavailable', `${NO_LEADER} (${error.message})`, options);
    default:
      return withFields(error);
  }
}

/** A refused reference inside a spec (a network, a secret) keeps its own sentence. */
function notFoundText(error: SwarmError, kind: SwarmKind, ref: string): string {
  const isAboutOther = error.fields.length > 0 || !error.message.includes(ref);
  return isAboutOther && error.message !== '' ? error.message : `${kind} ${ref} not found`;
}

/** Docker's errors have no fields of their own: those that the message does not name are put into it. */
function withFields(error: SwarmError): SwarmError {
  const missing = error.fields.filter(({ message }) => !error.message.includes(message));
  if (missing.length === 0) {
    return error;
  }
  const text = missing.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return new SwarmError(error.code, `${error.message}: ${text}`, {
    cause: error,
    fields: error.fields,
    details: error.details,
  });
}
