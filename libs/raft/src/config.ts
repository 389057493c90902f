import { SwarmError } from '@skep/kernel';

import type { ProgressLimits } from './progress.ts';

/** Source of randomness for election timeouts; kernel's `Prng` is one. */
export interface RandomSource {
  /** An integer in [0, bound). */
  nextInt(bound: number): number;
}

/**
 * How linearizable reads are confirmed: `readIndex` asks a quorum for each batch of reads (thesis, 6.4); `lease`
 * trusts a quorum's last answers for a while, which is only right while clocks run at about the same speed (lease.ts).
 * All members of a group must use the same mode.
 */
export type ReadMode = 'readIndex' | 'lease';

/** Everything a node needs to know. Sizes are bytes, periods are ticks. */
export interface RaftConfig extends ProgressLimits {
  readonly raftId: number;
  readonly random: RandomSource;
  /** A follower campaigns after this many to twice as many ticks without a leader. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Ask whether an election could be won before disturbing anyone (thesis, 9.6). */
  readonly usePreVote: boolean;
  /** A leader that does not hear from a quorum steps down (thesis, 6.2). */
  readonly useCheckQuorum: boolean;
  readonly readMode: ReadMode;
  /** Whether a follower sends proposals on to the leader instead of refusing them. */
  readonly forwardProposals: boolean;
  /** Limit of one append message. */
  readonly messageBytesMax: number;
  /** Limit of the committed entries handed out by one `Ready`. */
  readonly committedBytesMax: number;
  /** Limit of proposed and not yet committed bytes; more is refused. */
  readonly uncommittedBytesMax: number;
  /** Limit of read requests that wait for confirmation. */
  readonly pendingReadsMax: number;
}

/** Defaults: at a tick of 100 ms an election starts after 1 to 2 s of silence. */
export const RAFT_CONFIG_DEFAULTS: Omit<RaftConfig, 'raftId' | 'random'> = {
  electionTicks: 10,
  heartbeatTicks: 1,
  usePreVote: true,
  useCheckQuorum: true,
  readMode: 'readIndex',
  forwardProposals: false,
  messageBytesMax: 1024 * 1024,
  committedBytesMax: 4 * 1024 * 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  inflightMessagesMax: 256,
  inflightBytesMax: 16 * 1024 * 1024,
  pendingReadsMax: 4096,
};

/**
 * Checks a configuration once, before anything runs.
 * @throws SwarmError `invalid_argument` naming the field.
 */
export function validateConfig(config: RaftConfig): void {
  const positive: readonly (keyof RaftConfig)[] = [
    'raftId',
    'electionTicks',
    'heartbeatTicks',
    'messageBytesMax',
    'committedBytesMax',
    'uncommittedBytesMax',
    'inflightMessagesMax',
    'inflightBytesMax',
    'pendingReadsMax',
  ];
  for (const field of positive) {
    const value = config[field];
    if (!Number.isSafeInteger(value) || Number(value) <= 0) {
      throw new SwarmError('invalid_argument', `raft config: ${field} must be a positive integer`);
    }
  }
  if (config.electionTicks <= config.heartbeatTicks) {
    throw new SwarmError(
      'invalid_argument',
      'raft config: electionTicks must be greater than heartbeatTicks, or every follower campaigns',
    );
  }
  if (config.readMode === 'lease' && !config.useCheckQuorum) {
    throw new SwarmError('invalid_argument', 'raft config: readMode lease needs useCheckQuorum');
  }
}
