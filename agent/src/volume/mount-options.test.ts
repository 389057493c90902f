import { describe, expect, test } from 'vitest';

import { MOUNT_FLAG, isMountNeeded, mountErrorText, planMount, serverName } from './mount-options.ts';

const { bind, rec, rdonly, nosuid, nodev, noexec, remount } = MOUNT_FLAG;

describe('planMount', () => {
  test('a tmpfs gets its size as data and known words as flags', () => {
    const options = { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,nodev,uid=1000,noexec,defaults' };
    expect(planMount(options)).toEqual([
      {
        operation: 'mount',
        source: 'tmpfs',
        type: 'tmpfs',
        flags: nodev | noexec,
        data: 'size=1m,uid=1000',
      },
    ]);
  });

  test.each([
    ['noatime', MOUNT_FLAG.noatime],
    ['nodiratime', MOUNT_FLAG.nodiratime],
    ['relatime', MOUNT_FLAG.relatime],
    ['strictatime', MOUNT_FLAG.strictatime],
    ['sync', MOUNT_FLAG.synchronous],
    ['dirsync', MOUNT_FLAG.dirsync],
    ['mand', MOUNT_FLAG.mandlock],
    ['remount', MOUNT_FLAG.remount],
    ['ro', rdonly],
    ['ro,rw', 0],
    ['nosuid,nodev,noexec,suid,dev,exec', 0],
    ['sync,async', 0],
    ['mand,nomand', 0],
    ['noatime,nodiratime,atime,diratime', 0],
    ['relatime,norelatime,strictatime,nostrictatime', 0],
  ])('"%s" is a flag, not data', (o, flags) => {
    expect(planMount({ type: 'ext4', device: '/dev/sdb', o })).toEqual([
      { operation: 'mount', source: '/dev/sdb', type: 'ext4', flags, data: '' },
    ]);
  });

  test('a bind mount takes its own flags by a second call only', () => {
    const options = { type: 'none', device: '/srv/data', o: 'bind' };
    expect(planMount(options)).toEqual([
      { operation: 'mount', source: '/srv/data', type: 'none', flags: bind, data: '' },
    ]);
    expect(planMount({ ...options, o: 'rbind,ro,nosuid' })).toEqual([
      {
        operation: 'mount',
        source: '/srv/data',
        type: 'none',
        flags: bind | rec | rdonly | nosuid,
        data: '',
      },
      { operation: 'remount-ro', source: '', type: '', flags: bind | rdonly | nosuid | remount, data: '' },
    ]);
    expect(planMount({ ...options, o: 'bind,noexec' })[1]).toMatchObject({
      operation: 'remount',
      flags: bind | noexec | remount,
    });
  });

  test.each([
    ['shared', MOUNT_FLAG.shared],
    ['rshared', MOUNT_FLAG.shared | rec],
    ['slave', MOUNT_FLAG.slave],
    ['rslave', MOUNT_FLAG.slave | rec],
    ['private', MOUNT_FLAG.private],
    ['rprivate', MOUNT_FLAG.private | rec],
    ['unbindable', MOUNT_FLAG.unbindable],
    ['runbindable', MOUNT_FLAG.unbindable | rec],
  ])('the propagation "%s" is a call of its own', (word, flags) => {
    const [first, ...more] = planMount({ type: 'none', device: '/srv', o: `bind,${word}` });
    expect((first?.flags ?? 0) & ~rec).toBe(bind);
    expect(more).toEqual([{ operation: 'remount', source: '', type: '', flags, data: '' }]);
  });

  test.each([
    [
      'the address as it is',
      'nfs',
      ':/exports/a',
      'addr=10.0.0.9,rw,nfsvers=4',
      undefined,
      'addr=10.0.0.9,nfsvers=4',
    ],
    ['IPv6 too', 'nfs4', ':/a', 'addr=fd00::9,soft', undefined, 'addr=fd00::9,soft'],
    ['a name resolved', 'nfs', ':/exports/a', 'addr=files.lan,rw', '10.0.0.9', 'addr=10.0.0.9'],
    ['nfs4 as nfs', 'nfs4', ':/', 'rw,addr=files.lan', '10.0.0.9', 'addr=10.0.0.9'],
    ['the server of the device', 'nfs', 'files.lan:/a', 'rw', '10.0.0.9', 'addr=10.0.0.9'],
    ['an address as the server', 'nfs', '10.0.0.9:/a', '', undefined, 'addr=10.0.0.9'],
    ['an IPv6 server', 'nfs', '[fd00::9]:/a', '', undefined, 'addr=fd00::9'],
    ['nothing without a server', 'nfs', ':/a', 'rw', undefined, ''],
  ])('NFS gets %s', (_what, type, device, o, address, data) => {
    expect(planMount({ type, device, o }, address)).toEqual([
      { operation: 'mount', source: device, type, flags: 0, data },
    ]);
  });

  test('CIFS takes the address in its device', () => {
    const options = { type: 'cifs', device: '//files.lan/share', o: 'username=u' };
    expect(planMount(options, '10.0.0.9')[0]).toMatchObject({
      source: '//10.0.0.9/share',
      data: 'username=u',
    });
    expect(planMount({ ...options, o: 'addr=files.lan' }, '10.0.0.9')[0]).toMatchObject({
      source: '//files.lan/share',
      data: 'addr=10.0.0.9',
    });
  });
});

test.each([
  [{ type: 'nfs', device: ':/a', o: 'addr=files.lan' }, 'files.lan'],
  [{ type: 'nfs', device: 'files.lan:/a' }, 'files.lan'],
  [{ type: 'nfs4', device: '[fd00::9]:/a' }, undefined],
  [{ type: 'nfs', device: 'other:/a', o: 'addr=10.0.0.9' }, undefined],
  [{ type: 'cifs', device: '//user@files.lan/share' }, 'files.lan'],
  [{ type: 'none', device: '/a', o: 'bind,addr=files.lan' }, undefined],
  [{}, undefined],
])('the name to look up in %o is %s', (options, expected) => {
  expect(serverName(options)).toBe(expected);
});

test('a volume without a device is a plain directory', () => {
  expect([{}, { device: '', type: '' }].map((options) => isMountNeeded(options))).toEqual([false, false]);
  expect(isMountNeeded({ type: 'tmpfs', device: 'tmpfs' })).toBe(true);
});

test('errors read as those of Docker, without passwords', () => {
  const [step] = planMount({ type: 'none', device: '/gone', o: 'bind,ro' });
  expect(step && mountErrorText(step, '/v/_data', 'no such file or directory')).toBe(
    'failed to mount local volume: mount /gone:/v/_data, flags: 0x1001: no such file or directory',
  );
  const [cifs] = planMount({ type: 'cifs', device: '//h/s', o: 'username=u,password=geheim,vers=3' });
  expect(cifs && mountErrorText(cifs, '/v/_data', 'permission denied')).toBe(
    'failed to mount local volume: mount //h/s:/v/_data, data: username=u,password=********,vers=3: permission denied',
  );
});
