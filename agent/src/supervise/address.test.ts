import { describe, expect, test } from 'vitest';

import { chooseAddresses, managerAddress, resolveAddress } from './address.ts';
import { leaveWarning } from './leave-warning.ts';

describe('addresses', () => {
  test('a port after an address is left out', () => {
    expect(resolveAddress('10.0.0.1:2377', '--advertise-addr')).toBe('10.0.0.1');
    expect(resolveAddress('[fd00::1]:2377', '--advertise-addr')).toBe('fd00::1');
    expect(resolveAddress('fd00::1', '--advertise-addr')).toBe('fd00::1');
  });

  test.each([
    ['0.0.0.0', 'must be a non-zero IP address'],
    ['nosuchif0', 'has no IPv4 address'],
  ])('%s is refused', (given, message) => {
    expect(() => resolveAddress(given, '--advertise-addr')).toThrow(message);
  });

  test('a manager without a port listens on 2377', () => {
    expect(managerAddress('10.0.0.1')).toBe('10.0.0.1:2377');
    expect(managerAddress('10.0.0.1:99')).toBe('10.0.0.1:99');
    expect(managerAddress('fd00::1')).toBe('[fd00::1]:2377');
    expect(managerAddress('[fd00::1]:99')).toBe('[fd00::1]:99');
  });

  test('empty wishes fall back to what swarmd was started with', () => {
    const defaults = {
      defaultAdvertiseAddr: '10.1.1.1',
      defaultDataPathAddr: undefined,
      listenAddr: '0.0.0.0:2377',
    };
    expect(chooseAddresses({ advertiseAddr: '', listenAddr: '' }, defaults)).toEqual({
      advertiseAddr: '10.1.1.1',
      listenAddr: '0.0.0.0:2377',
    });
    expect(chooseAddresses({ advertiseAddr: '10.2.2.2', dataPathAddr: '10.3.3.3' }, defaults)).toEqual({
      advertiseAddr: '10.2.2.2',
      dataPathAddr: '10.3.3.3',
      listenAddr: '0.0.0.0:2377',
    });
  });
});

describe('leaveWarning', () => {
  test('says what leaving costs', () => {
    expect(leaveWarning(1)).toContain('Removing the last manager erases all current state of the swarm.');
    expect(leaveWarning(2)).toContain('leaves 1 managers out of 2. Without a Raft quorum');
    expect(leaveWarning(3)).not.toContain('Without a Raft quorum');
  });
});
