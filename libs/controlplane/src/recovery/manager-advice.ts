/** A manager as advice is given about it. */
export interface AdvisedManager {
  readonly name: string;
  readonly isReachable: boolean;
}

/**
 * What a person should know about the number of managers and what to do about it; empty when all is well. Raft needs
 * more than half of the voters, so an even number bears no more losses than the odd one below it.
 */
export function managerAdvice(managers: readonly AdvisedManager[]): readonly string[] {
  const total = managers.length;
  const lost = managers.filter(({ isReachable }) => !isReachable).map(({ name }) => name);
  const majority = Math.floor(total / 2) + 1;
  const spare = total - lost.length - majority;
  const advice: string[] = [];
  if (total === 2) {
    advice.push(
      'two managers are worse than one: when either is lost, nothing can be changed any more. Add a third (swarm join-token manager), or demote one (swarm node demote)',
    );
  } else if (total > 2 && total % 2 === 0) {
    advice.push(
      `${String(total)} managers bear the loss of no more than ${String(total - 1)} do. Add one more (swarm node promote), or demote one (swarm node demote)`,
    );
  }
  if (total > 7) {
    advice.push(
      `${String(total)} managers make every change slower; three or five are enough for any cluster`,
    );
  }
  for (const name of lost) {
    advice.push(
      `${name} does not answer. Bring it back, or take it out and join another in its place: swarm node rm --force ${name}`,
    );
  }
  if (lost.length > 0 && spare === 0) {
    advice.push('no further manager may be lost: with one less nothing can be changed any more');
  }
  return advice;
}
