/**
 * How well `query` fits `text`: higher is better, `undefined` when its letters do not occur in order. Beginnings of
 * words and unbroken runs count more, as people type initials.
 */
export function fuzzyScore(query: string, text: string): number | undefined {
  const wanted = query.toLowerCase().replaceAll(' ', '');
  const given = text.toLowerCase();
  if (wanted === '') {
    return 0;
  }
  const whole = given.indexOf(wanted);
  if (whole >= 0) {
    return 1_000 - whole - given.length / 100;
  }
  let score = 0;
  let at = -1;
  for (const letter of wanted) {
    const next = given.indexOf(letter, at + 1);
    if (next < 0) {
      return undefined;
    }
    const isWordStart = next === 0 || /[^a-z0-9]/.test(given.charAt(next - 1));
    score += next === at + 1 ? 8 : isWordStart ? 6 : 1;
    at = next;
  }
  return score - given.length / 100;
}

/** The best of `items`, at most `limit`. Equal scores keep their order. */
export function fuzzyBest<T>(
  query: string,
  items: readonly T[],
  { textOf, limit }: { readonly textOf: (item: T) => string; readonly limit: number },
): readonly T[] {
  return items
    .flatMap((item) => {
      const score = fuzzyScore(query, textOf(item));
      return score === undefined ? [] : [{ item, score }];
    })
    .toSorted((a, b) => b.score - a.score)
    .slice(0, limit)
    .map(({ item }) => item);
}
