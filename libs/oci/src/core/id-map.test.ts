import { describe, expect, test } from 'vitest';
import { capabilityToContainer, capabilityToHost } from './file-capability.ts';
import { toContainerId, toContainerOwner, toHostId, toHostOwner, type IdMap } from './id-map.ts';

const map: IdMap = {
  uids: [
    { containerId: 0, hostId: 100_000, size: 1000 },
    { containerId: 1000, hostId: 500_000, size: 10 },
  ],
  gids: [{ containerId: 0, hostId: 200_000, size: 65_536 }],
};

describe('ids', () => {
  test.each([
    [0, 100_000],
    [999, 100_999],
    [1000, 500_000],
    [1009, 500_009],
    [1010, undefined],
  ])('%i of a container is %s of the host', (inside, outside) => {
    expect(toHostId(map.uids, inside)).toBe(outside);
    if (outside !== undefined) {
      expect(toContainerId(map.uids, outside)).toBe(inside);
    }
  });

  test('what no range has is nobody inside, and refused on the way out', () => {
    expect(toContainerOwner(map, { uid: 0, gid: 200_005 })).toEqual({ uid: 65_534, gid: 5 });
    expect(toHostOwner(map, { uid: 5, gid: 70_000 })).toMatchObject({
      ok: false,
      error: { message: 'Container ID 70000 cannot be mapped to a host ID' },
    });
    expect(toHostOwner(map, { uid: 5, gid: 6 })).toEqual({ ok: true, value: { uid: 100_005, gid: 200_006 } });
  });
});

describe('file capabilities', () => {
  // cap_net_raw=ep, as setcap(8) writes it on the host.
  const plain = Buffer.from('0100000200200000000000000000000000000000', 'hex');
  const mapped = Buffer.from('0100000300200000000000000000000000000000a0860100', 'hex');

  test('name the root they count for, and lose it on the way back', () => {
    expect(Buffer.from(capabilityToHost(plain, 100_000))).toEqual(mapped);
    expect(Buffer.from(capabilityToContainer(mapped, 100_000))).toEqual(plain);
  });

  test('of another root, and what is none, stay as they are', () => {
    expect(capabilityToContainer(mapped, 5)).toBe(mapped);
    expect(capabilityToHost(mapped, 5)).toBe(mapped);
    expect(capabilityToHost(Buffer.alloc(3), 5)).toEqual(Buffer.alloc(3));
  });
});
