import { SWARM_SENTENCES } from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

function inDockersWords(sentence: string, dockerStatus: number): SwarmError {
  return new SwarmError('failed_precondition', sentence, { details: { dockerStatus } });
}

/** Refusals of membership changes, in Docker's words and with its status. */
export const MEMBERSHIP_ERRORS = {
  outside: () => inDockersWords('This node is not part of a swarm', 503),
  inside: () =>
    inDockersWords(
      'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.',
      503,
    ),
  notLocked: () => inDockersWords('swarm is not locked', 409),
  locked: () => inDockersWords(SWARM_SENTENCES.locked, 503),
};
