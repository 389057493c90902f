import type { Message, RaftNode, Ready } from '@skep/raft';

import type { RaftPlant } from './plants.ts';

/** What reaches a node, changed so that it makes the planted mistake. */
export function plantedInput(plant: RaftPlant | undefined, node: RaftNode, message: Message): Message {
  if (plant === 'ignoreLogOnVote' && message.type === 'vote') {
    // Whoever asks seems to have a log that nobody can match.
    return { ...message, lastLogIndex: Number.MAX_SAFE_INTEGER, lastLogTerm: message.term };
  }
  if (plant === 'skipLogMatchCheck' && message.type === 'append') {
    const ownTerm = node.termAt(message.prevLogIndex);
    return ownTerm === undefined ? message : { ...message, prevLogTerm: ownTerm };
  }
  return message;
}

/** What a node wants durable, changed likewise. */
export function plantedReady(plant: RaftPlant | undefined, ready: Ready): Ready {
  const { hardState } = ready;
  return plant === 'forgetVote' && hardState !== undefined
    ? { ...ready, hardState: { ...hardState, vote: 0 } }
    : ready;
}
