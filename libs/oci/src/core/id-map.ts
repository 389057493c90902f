import { fail, ok, type Result } from '@skep/kernel';

/** A range of user or group ids, and where it lies on the host (user_namespaces(7)). */
export interface IdRange {
  readonly containerId: number;
  readonly hostId: number;
  readonly size: number;
}

/** How the ids of a container and those of the host belong together. */
export interface IdMap {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

/** What an id without a counterpart looks like on the other side, as the kernel shows it (`nobody`). */
export const OVERFLOW_ID = 65_534;

/** The host's id behind a container's; undefined when it is outside of all ranges. */
export function toHostId(ranges: readonly IdRange[], id: number): number | undefined {
  const range = ranges.find(({ containerId, size }) => id >= containerId && id < containerId + size);
  return range && range.hostId + (id - range.containerId);
}

/** The container's id for a host's; {@link OVERFLOW_ID} when it is outside of all ranges. */
export function toContainerId(ranges: readonly IdRange[], id: number): number {
  const range = ranges.find(({ hostId, size }) => id >= hostId && id < hostId + size);
  return range === undefined ? OVERFLOW_ID : range.containerId + (id - range.hostId);
}

/** Owner on the host of what belongs to a container's user. Errors name the id, in Docker's words. */
export function toHostOwner(
  map: IdMap,
  owner: { readonly uid: number; readonly gid: number },
): Result<{ readonly uid: number; readonly gid: number }> {
  const uid = toHostId(map.uids, owner.uid);
  const gid = toHostId(map.gids, owner.gid);
  if (uid === undefined || gid === undefined) {
    const id = uid === undefined ? owner.uid : owner.gid;
    return fail('invalid_argument', `Container ID ${String(id)} cannot be mapped to a host ID`);
  }
  return ok({ uid, gid });
}

/** Owner inside a container of what is on the host. */
export function toContainerOwner(
  map: IdMap,
  owner: { readonly uid: number; readonly gid: number },
): { readonly uid: number; readonly gid: number } {
  return { uid: toContainerId(map.uids, owner.uid), gid: toContainerId(map.gids, owner.gid) };
}
