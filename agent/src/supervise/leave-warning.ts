/** Why a manager does not leave without being told twice, in Swarm's words. */
export function leaveWarning(managers: number): string {
  const sentences = ['You are attempting to leave the swarm on a node that is participating as a manager.'];
  if (managers <= 1) {
    sentences.push(
      'Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message.',
    );
    return sentences.join(' ');
  }
  if (managers - 1 < Math.floor(managers / 2) + 1) {
    sentences.push(
      `Removing this node leaves ${String(managers - 1)} managers out of ${String(managers)}. Without a Raft quorum your swarm will be inaccessible.`,
    );
  }
  sentences.push(
    'The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. Use `--force` to suppress this message.',
  );
  return sentences.join(' ');
}
