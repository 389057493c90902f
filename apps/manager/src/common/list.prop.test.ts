import fc from 'fast-check';
import { expect, test } from 'vitest';

import { toPage, type ListFacts } from './list.ts';

const item = fc.record({
  id: fc.string({ minLength: 1, maxLength: 4 }),
  name: fc.constantFrom('a', 'b', 'ä', 'A', 'ab'),
});

function page(
  items: readonly ListFacts[],
  query: Parameters<typeof toPage<ListFacts>>[1],
): ReturnType<typeof toPage<ListFacts>> {
  return toPage(items, query, (one) => one);
}

test('pages put together are the whole list, in order, with nothing twice', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(item, { selector: ({ id }) => id, maxLength: 30 }),
      fc.integer({ min: 1, max: 7 }),
      (items, limit) => {
        const whole = page(items, {}).items;
        const parts: ListFacts[] = [];
        let cursor: string | undefined;
        do {
          const next = page(items, { limit, ...(cursor === undefined ? {} : { cursor }) });
          parts.push(...next.items);
          cursor = next.next;
        } while (cursor !== undefined);
        expect(parts).toEqual(whole);
        expect(whole).toHaveLength(items.length);
      },
    ),
  );
});

test('filters of one kind are alternatives, labels must all hold', () => {
  const items = [
    { id: '1', name: 'web', labels: { tier: 'front', zone: 'a' } },
    { id: '2', name: 'webhook', labels: { tier: 'front' } },
    { id: '3', name: 'db', labels: {} },
  ];
  const names = (query: Parameters<typeof page>[1]): string[] =>
    page(items, query).items.map(({ name }) => name);
  expect(names({ name: ['web'] })).toEqual(['web', 'webhook']);
  expect(names({ name: ['=web', 'd'] })).toEqual(['db', 'web']);
  expect(names({ label: ['tier=front', 'zone'] })).toEqual(['web']);
  expect(names({ q: 'HOOK' })).toEqual(['webhook']);
  expect(() => names({ cursor: 'nonsense' })).toThrow(/cursor/);
});
