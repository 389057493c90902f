/** One condition of the filter language: free text, or `key:value` and `key=value`; a leading `-` turns it round. */
export interface Term {
  readonly key: string | undefined;
  readonly value: string;
  readonly isNegated: boolean;
}

/** What a row can be asked about; several values of a key mean any of them. */
export type Facts = Readonly<Record<string, string | readonly string[] | undefined>>;

const TERM = /(-)?(?:([\w.]+)(?::|=))?(?:"([^"]*)"?|(\S+))/gu;

/** Parses what was typed. Quotes keep spaces together; anything is a valid filter. */
export function parseFilter(text: string): readonly Term[] {
  const terms: Term[] = [];
  for (const match of text.matchAll(TERM)) {
    const [, minus, key, quoted, plain] = match;
    const value = (quoted ?? plain ?? '').toLowerCase();
    if (value !== '') {
      terms.push({ key: key?.toLowerCase(), value, isNegated: minus !== undefined });
    }
  }
  return terms;
}

function valuesOf(facts: Facts, key: string): readonly string[] {
  const value = facts[key];
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}

function holds(term: Term, facts: Facts): boolean {
  const candidates =
    term.key === undefined
      ? Object.keys(facts).flatMap((key) => valuesOf(facts, key))
      : valuesOf(facts, term.key);
  return candidates.some((candidate) => candidate.toLowerCase().includes(term.value));
}

/** Whether a row meets every term. */
export function matchesFilter(terms: readonly Term[], facts: Facts): boolean {
  return terms.every((term) => holds(term, facts) !== term.isNegated);
}
