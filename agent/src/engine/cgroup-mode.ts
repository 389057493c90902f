import { fail, ok, type Result } from '@skep/kernel';

/** Whose cgroups a container sees: its own as the root, or all of the host's. */
export type CgroupMode = 'private' | 'host';

/**
 * The cgroup namespace of a new container. Docker's default depends on the host: private where cgroups are version 2,
 * the host's on version 1, where old programs look for their place among the host's.
 */
export function chooseCgroupMode(wish: string | undefined, cgroupVersion: 1 | 2): Result<CgroupMode> {
  if (wish === undefined || wish === '') {
    return ok(cgroupVersion === 2 ? 'private' : 'host');
  }
  if (wish === 'private' || wish === 'host') {
    return ok(wish);
  }
  return fail('invalid_argument', `invalid cgroup namespace mode: ${wish.slice(0, 60)}`);
}
