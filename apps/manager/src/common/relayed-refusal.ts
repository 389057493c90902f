import type { ForwardedAnswer } from '@skep/controlplane';

/** An answer of the leader that refuses: it goes to the client as it is. */
export class RelayedRefusal extends Error {
  constructor(readonly answer: ForwardedAnswer) {
    super('the leader refused');
  }
}
