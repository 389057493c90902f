import { ERROR_FACES, errorMessage, isSwarmError } from '@skep/kernel';

/** Body of every refused request. */
export interface ErrorBody {
  readonly message: string;
}

/** Status and body of the answer to a request that was refused. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: ErrorBody;
}

/** Docker's sentences about the swarm; clients compare them word by word (docker-compat.md 2). */
export const SWARM_SENTENCES = {
  notInSwarm: 'This node is not part of a swarm',
  alreadyInSwarm:
    'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.',
  notManager:
    "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. " +
    'Please run this command on a manager node or promote the current node to a manager.',
  /** What Docker answers to a manager's command on a node outside any swarm. */
  noSwarmYet:
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node ' +
    'to swarm and try again.',
  locked:
    'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm unlock" ' +
    'to unlock it.',
  outOfSequence: 'update out of sequence',
} as const;

/**
 * What a client sees of `error`. The status is Docker's for the error's code, unless `details.dockerStatus` names
 * another one. Anything that is not a `SwarmError` is a fault of ours: 500.
 */
export function answerForError(error: unknown): ErrorAnswer {
  if (!isSwarmError(error)) {
    return { status: 500, body: { message: errorMessage(error) } };
  }
  const chosen = error.details['dockerStatus'];
  const status =
    typeof chosen === 'number' && chosen >= 400 && chosen < 600
      ? chosen
      : ERROR_FACES[error.code].dockerStatus;
  return { status, body: { message: error.message } };
}
