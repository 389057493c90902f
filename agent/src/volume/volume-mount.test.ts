import { expect, test } from 'vitest';

import { isMountPoint, mountPoints } from './volume-mount.ts';

test('mount points are read with blanks in their names, binds of one file system among them', () => {
  const text = [
    '21 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
    '40 21 254:0 /srv/data /var/lib/skep/volumes/a/_data rw,relatime shared:1 - ext4 /dev/vda rw',
    String.raw`41 21 0:33 / /mnt/with\040blank\134 rw - tmpfs tmpfs rw`,
    '',
  ].join('\n');
  expect([...mountPoints(text)]).toEqual(['/', '/var/lib/skep/volumes/a/_data', '/mnt/with blank\\']);
});

test('the root and /proc are mount points of this host, a directory is not', () => {
  expect([isMountPoint('/'), isMountPoint('/proc'), isMountPoint('/proc/self')]).toEqual([true, true, false]);
});
