/**
 * Raft's clock in production. A follower campaigns after 0.5 to 1 s of silence (drawn anew each time), so a lost leader
 * is replaced within a second, and five heartbeats in a row must be late before anyone asks. The tick is half a heartbeat
 * so that the drawn timeouts are spread finely: two followers that draw the same one split the vote.
 */
export const TICK_MS = 50;
export const HEARTBEAT_TICKS = 2;
export const ELECTION_TICKS = 10;

/**
 * Append messages to one follower that may be unanswered. A short window makes batches: what is proposed while it is full
 * leaves together, and costs one message, one write and one answer.
 */
export const INFLIGHT_MESSAGES_MAX = 8;
