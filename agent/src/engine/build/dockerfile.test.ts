import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parseDockerfile, renameBases, type Dockerfile } from './dockerfile.ts';

function parse(text: string, args: Record<string, string> = {}, target = ''): Dockerfile {
  const parsed = parseDockerfile(text, { args, target });
  if (!parsed.ok) {
    throw parsed.error;
  }
  return parsed.value;
}

describe('images a Dockerfile is based on', () => {
  test.each<[string, string, readonly string[]]>([
    ['one', 'FROM busybox\nRUN true', ['busybox']],
    ['with tag, platform and stage name', 'FROM --platform=linux/amd64 a/b:1 AS c', ['a/b:1']],
    ['lower case words', 'from busybox as x\ncopy --from=other:2 / /', ['busybox', 'other:2']],
    ['scratch is none', 'FROM scratch', []],
    ['a stage is none', 'FROM a AS One\nFROM one\nCOPY --from=ONE / /\nCOPY --from=0 / /', ['a']],
    ['a stage that comes later is one', 'FROM later\nFROM a AS later', ['later', 'a']],
    ['an argument', 'ARG V=1\nFROM a:$V', ['a:1']],
    ['an argument in braces and quotes', 'ARG V="1"\nFROM "a:${V}"', ['a:1']],
    ['an argument of an argument', 'ARG A=x\nARG B=${A}y\nFROM $B', ['xy']],
    ['a default of a variable', 'FROM a:${NOPE:-7}', ['a:7']],
    ['an alternative', 'ARG V=1\nFROM a:${V:+8}', ['a:8']],
    ['a mount', 'FROM a\nRUN --mount=type=bind,from=b:1,target=/x true', ['a', 'b:1']],
    ['comments and continued lines', '# c\nFROM \\\n# inside\n  a \\\n\n AS x\nFROM x', ['a']],
    ['another escape character', '# escape=`\nFROM `\n a', ['a']],
    ['a digest', `FROM a@sha256:${'0'.repeat(64)}`, [`a@sha256:${'0'.repeat(64)}`]],
    ['words of a command are no images', 'FROM a\nRUN echo --from=b FROM c', ['a']],
    ['a carriage return is no part of a name', 'FROM a\r\nRUN true\r\n', ['a']],
  ])('%s', (_, text, names) => {
    expect(parse(text).uses.map((use) => use.name)).toEqual(names);
  });

  test('build arguments win over defaults, for declared arguments only', () => {
    expect(parse('ARG V=1\nFROM a:$V', { V: '2' }).uses[0]?.name).toBe('a:2');
    expect(parse('FROM a:$TARGETARCH', { TARGETARCH: 'arm64' }).uses[0]?.name).toBe('a:arm64');
  });

  test('what comes after the target does not count', () => {
    const text = 'FROM a AS x\nFROM b AS y\nCOPY --from=c / /\nFROM d';
    expect(parse(text, {}, 'y').uses.map((use) => use.name)).toEqual(['a', 'b', 'c']);
    expect(parse(text, {}, '0').stages).toEqual([{ name: 'x', text: 'FROM a AS x' }]);
    expect(() => parse(text, {}, 'z')).toThrow('failed to reach build target z in Dockerfile');
  });

  test('no stage is an error', () => {
    expect(() => parse('# nothing\n')).toThrow('no build stage in current context');
  });
});

test('renaming touches the names and nothing else', () => {
  const text =
    'ARG V=1\nFROM a:$V AS x # not a comment\nCOPY --from=b:2 /f /g\nRUN --mount=from=c,target=/x ls';
  const { uses } = parse(text);
  expect(renameBases(text, uses, ({ name }) => `<${name}>`)).toBe(
    'ARG V=1\nFROM <a:1> AS x # not a comment\nCOPY --from=<b:2> /f /g\nRUN --mount=from=<c>,target=/x ls',
  );
});

test('any text is parsed or refused, and renaming to the written name changes nothing', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'FROM ',
      'from a',
      ' AS b',
      'ARG A=',
      '${A:-',
      '}',
      '$A',
      '\\\n',
      '\n',
      '# escape=`\n',
      '`',
    ),
    fc.constantFrom('COPY --from=', 'RUN --mount=from=', '"', "'", ',', '--platform=', '\r\n', '  ', '\t'),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join('');
      const parsed = parseDockerfile(text, { args: { A: 'x' } });
      if (parsed.ok) {
        const { uses } = parsed.value;
        expect(renameBases(text, uses, ({ start, end }) => text.slice(start, end))).toBe(text);
      }
    }),
    { numRuns: 1000 },
  );
});
