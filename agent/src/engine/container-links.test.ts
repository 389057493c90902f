import { describe, expect, test } from 'vitest';
import { parseLink } from './container-links.ts';

describe('links between containers', () => {
  test.each([
    ['db', { target: 'db', alias: 'db' }],
    ['/db:database', { target: 'db', alias: 'database' }],
    ['/db:/web/database', { target: 'db', alias: 'database' }],
  ])('%s', (text, link) => {
    expect(parseLink(text)).toEqual(link);
  });

  test.each(['', ':a', 'a:', 'a:b:c'])('"%s" is refused', (text) => {
    expect(() => parseLink(text)).toThrow(/^bad format for links/);
  });
});
