/** Splits a command as a shell would split words: blanks between, quotes and backslashes keep them. No expansion. */
export function splitWords(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (quote !== '') {
      if (character === quote) {
        quote = '';
      } else if (character === '\\' && quote === '"') {
        at += 1;
        word = `${word ?? ''}${text.charAt(at)}`;
      } else {
        word = `${word ?? ''}${character}`;
      }
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) {
        words.push(word);
      }
      word = undefined;
    } else if (character === '\\') {
      at += 1;
      word = `${word ?? ''}${text.charAt(at)}`;
    } else {
      word = `${word ?? ''}${character}`;
    }
  }
  return word === undefined ? words : [...words, word];
}

const BYTE_FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

/** `512M`, `1.5 GiB`, `300000`: bytes; `undefined` for what is none. Units are powers of 1024, as in Docker. */
export function parseBytes(text: string): number | undefined {
  const match = /^\s*(\d+(?:[.,]\d+)?)\s*([kmgt]?)(?:i?b|o|io)?\s*$/i.exec(text);
  const factor = BYTE_FACTORS[(match?.[2] ?? '').toLowerCase()];
  return match?.[1] === undefined || factor === undefined
    ? undefined
    : Math.round(Number(match[1].replace(',', '.')) * factor);
}

const DURATION_FACTORS: Readonly<Record<string, number>> = { ms: 1e6, s: 1e9, m: 60e9, min: 60e9, h: 3600e9 };

/** `30s`, `1m 30s`, `500ms`: nanoseconds; a bare number counts as seconds. */
export function parseDurationNs(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d+(?:[.,]\d+)?$/.test(trimmed)) {
    return Math.round(Number(trimmed.replace(',', '.')) * 1e9);
  }
  let total = 0;
  const rest = trimmed.replace(/(\d+(?:[.,]\d+)?)\s*(ms|min|s|m|h)/gi, (_, amount: string, unit: string) => {
    total += Number(amount.replace(',', '.')) * (DURATION_FACTORS[unit.toLowerCase()] ?? 0);
    return '';
  });
  return trimmed === '' || rest.trim() !== '' ? undefined : Math.round(total);
}
