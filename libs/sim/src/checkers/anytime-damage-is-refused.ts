import { isSwarmError } from '@skep/kernel';

import type { SimMember } from '../sim-member.ts';
import { Violation } from './violation.ts';

/**
 * anytime_damageIsRefused: a member whose log is not what it wrote does not start on it. Starts the member; false when
 * it refused, and rightly.
 */
export function startUnlessDamaged(member: Pick<SimMember, 'raftId' | 'disk' | 'start'>): boolean {
  const { isDamaged } = member.disk;
  try {
    member.start();
  } catch (error) {
    if (isDamaged && isSwarmError(error, 'data_loss')) {
      return false;
    }
    throw error;
  }
  if (isDamaged) {
    throw new Violation(
      'anytime_damageIsRefused',
      `${String(member.raftId)} started on a log in which a bit was flipped`,
    );
  }
  return true;
}
