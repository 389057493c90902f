/** One challenge of a `WWW-Authenticate` header (RFC 9110 section 11.6.1). */
export interface AuthChallenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Parameters with lower-case names. */
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const CHALLENGES_MAX = 8;

/** Parses a `WWW-Authenticate` header; what it cannot understand it leaves out. */
export function parseAuthChallenges(header: string): readonly AuthChallenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let position = 0;
  const token = (): string | undefined => {
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(header);
    position = match === null ? position : TOKEN.lastIndex;
    return match?.[0];
  };
  const skip = (pattern: RegExp): void => {
    while (position < header.length && pattern.test(header[position] ?? '')) {
      position += 1;
    }
  };
  while (position < header.length && challenges.length < CHALLENGES_MAX) {
    skip(/[\s,]/);
    const word = token();
    if (word === undefined) {
      break;
    }
    skip(/\s/);
    const current = challenges.at(-1);
    if (header[position] === '=' && current !== undefined) {
      position += 1;
      skip(/\s/);
      const [value, end] = readValue(header, position);
      current.parameters[word.toLowerCase()] = value;
      position = end;
    } else {
      challenges.push({ scheme: word.toLowerCase(), parameters: {} });
    }
  }
  return challenges;
}

function readValue(header: string, start: number): readonly [value: string, end: number] {
  if (header[start] !== '"') {
    TOKEN.lastIndex = start;
    const match = TOKEN.exec(header);
    return match === null ? ['', start + 1] : [match[0], TOKEN.lastIndex];
  }
  let value = '';
  let position = start + 1;
  while (position < header.length && header[position] !== '"') {
    position += header[position] === '\\' ? 1 : 0;
    value += header[position] ?? '';
    position += 1;
  }
  return [value, position + 1];
}
