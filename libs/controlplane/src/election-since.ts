import { SwarmError } from '@skep/kernel';

/** The refusal of what was meant for the leader of an earlier term, though the same manager may lead again. */
export function electionSince(): SwarmError {
  return new SwarmError('not_leader', 'there was an election since this request was sent; send it again');
}
