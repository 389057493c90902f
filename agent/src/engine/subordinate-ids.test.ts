import { describe, expect, test } from 'vitest';
import { nextFreeRange, resolveIdMap, type AccountFiles } from './subordinate-ids.ts';

const files: AccountFiles = {
  passwd:
    'root:x:0:0::/root:/bin/sh\ndockremap:x:990:990::/:/bin/false\nada:x:1000:1000::/home/ada:/bin/sh\n',
  group: 'root:x:0:\nmakers:x:2000:ada\n',
  subuid: '# who\ndockremap:100000:65536\nada:300000:1000\n1000:400000:70000\nroot:0:65536\n',
  subgid: 'dockremap:200000:65536\nada:500000:65536\nmakers:600000:65536\n',
};

const simple = (hostId: number, size = 65_536): object => [{ containerId: 0, hostId, size }];

describe('resolveIdMap', () => {
  test.each([
    ['default', simple(100_000), simple(200_000)],
    ['dockremap', simple(100_000), simple(200_000)],
    ['990', simple(100_000), simple(200_000)],
    ['dockremap:2000', simple(100_000), simple(600_000)],
    [
      '1000:makers',
      [
        { containerId: 0, hostId: 300_000, size: 1000 },
        { containerId: 1000, hostId: 400_000, size: 70_000 },
      ],
      simple(600_000),
    ],
  ])('%s', (text, uids, gids) => {
    expect(resolveIdMap(text, files)).toEqual({ ok: true, value: { uids, gids } });
  });

  test.each([
    ['', 'must be default, user[:group] or uid[:gid]'],
    ['a:b:c', 'must be default, user[:group] or uid[:gid]'],
    ['eve', 'there is no user eve in /etc/passwd: make it (useradd --system eve)'],
    ['ada:nosuch', 'there is no group nosuch in /etc/group'],
    ['root', '/etc/subuid has a line of root whose first id or count is no number from 1 to'],
  ])('%j is refused with the flag, the reason and the remedy', (text, reason) => {
    const refused = resolveIdMap(text, files);
    expect(refused).toMatchObject({ ok: false, error: { code: 'invalid_argument' } });
    const message = refused.ok ? '' : refused.error.message;
    expect(message).toContain(`--userns-remap ${JSON.stringify(text)}: `);
    expect(message).toContain(reason);
  });

  test.each([
    ['', '/etc/subuid gives ada no ids: add a line such as ada:100000:65536'],
    ['ada:1:2\n', '/etc/subuid gives ada 2 ids and images need 65536: add a line such as ada:100000:65536'],
    ['ada:x:65536\n', 'no number'],
    ['ada:4294967000:65536\n', 'no number'],
    ['ada:1:2\n'.repeat(33), 'more than 32 ranges'],
  ])('subordinate ids %j are not enough', (subuid, reason) => {
    const refused = resolveIdMap('ada', { ...files, subuid });
    expect(refused.ok ? '' : refused.error.message).toContain(reason);
  });
});

test('the next free range begins after all others', () => {
  expect(nextFreeRange(files)).toEqual({ first: 665_536, last: 731_071 });
  expect(nextFreeRange({ subuid: '', subgid: 'x:y:z\n' })).toEqual({ first: 100_000, last: 165_535 });
});
