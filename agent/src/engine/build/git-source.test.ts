import { expect, test } from 'vitest';

import { parseGitUrl } from './git-source.ts';

test.each([
  ['https://host/a.git', { repository: 'https://host/a.git', reference: '', directory: '' }],
  ['git://host/a#v1', { repository: 'git://host/a', reference: 'v1', directory: '' }],
  ['git://host/a#:sub/dir', { repository: 'git://host/a', reference: '', directory: 'sub/dir' }],
  ['git@host:a#main:/x', { repository: 'git@host:a', reference: 'main', directory: 'x' }],
])('%s is taken apart', (text, expected) => {
  expect(parseGitUrl(text)).toEqual({ ok: true, value: expected });
});

test.each(['file:///etc', 'ext::sh -c true', '/etc', 'git://host/a#--upload-pack=x', 'git://host/a#m:../x'])(
  '%s is refused',
  (text) => {
    expect(parseGitUrl(text).ok).toBe(false);
  },
);
