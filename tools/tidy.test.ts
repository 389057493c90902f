import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { FILE_LINES_MAX, tooLong } from './file-length.ts';

/** House rules that no linter knows, as tests over the files git tracks. */
const ROOT = fileURLToPath(new URL('..', import.meta.url));

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(`${ROOT}${path}`));
const read = (path: string): string => readFileSync(`${ROOT}${path}`, 'utf8');
const sources = tracked.filter((path) => /\.(ts|tsx|mjs|cjs)$/.test(path));
const isTest = (path: string): boolean => /\.(test|itest|spec)\.tsx?$|\/testing\/|\/test\//.test(path);

/** Lines of `paths` that match, as `path:line: text`. */
export function linesMatching(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${String(index + 1)}: ${line.trim()}`] : [])),
  );
}

describe('files', () => {
  test(`have at most ${String(FILE_LINES_MAX)} lines: one concept each`, () => {
    const files = sources.filter((path) => !isTest(path)).map((path) => ({ path, text: read(path) }));
    expect(tooLong(files)).toEqual([]);
  });

  test('have names that say what is in them', () => {
    const vague = sources.filter((path) => /(^|\/)(utils?|helpers?|types|common|misc)\.tsx?$/.test(path));
    expect(vague).toEqual([]);
  });

  test('are in kebab-case', () => {
    const odd = sources
      .map((path) => path.split('/').at(-1) ?? '')
      .filter((name) => !/^\.?[a-z0-9_][a-z0-9.\-_]*$/.test(name));
    expect(odd).toEqual([]);
  });
});

describe('texts', () => {
  const self = 'tools/tidy.test.ts';
  const prose = tracked.filter(
    (path) =>
      /\.(ts|tsx|mjs|cjs|md|json|ya?ml|css|sql)$/.test(path) && path !== 'package-lock.json' && path !== self,
  );

  test('leave nothing open', () => {
    expect(linesMatching(prose, /\b(TODO|FIXME|XXX)\b/)).toEqual([]);
  });

  test('no test is skipped or run alone', () => {
    expect(
      linesMatching(
        sources.filter((path) => path !== self && isTest(path)),
        /\b(test|it|describe)\.(only|skip)\b/,
      ),
    ).toEqual([]);
  });

  test('markdown pages have one title', () => {
    const bad = tracked
      .filter((path) => path.endsWith('.md'))
      .filter(
        (path) =>
          read(path)
            .replace(/```[\s\S]*?```/g, '')
            .split('\n')
            .filter((line) => line.startsWith('# ')).length !== 1,
      );
    expect(bad).toEqual([]);
  });

  test('link to files that exist, and to headings that are there', () => {
    const anchors = (path: string) =>
      new Set(
        read(path)
          .split('\n')
          .filter((line) => /^#{1,6} /.test(line))
          .map((line) =>
            line
              .replace(/^#+ /, '')
              .toLowerCase()
              .replace(/[^\p{L}\p{N} _-]/gu, '')
              .replaceAll(' ', '-'),
          ),
      );
    const pages = tracked.filter((path) => path.endsWith('.md'));
    const links = pages.flatMap((page) =>
      [
        ...read(page)
          .replace(/```[\s\S]*?```|`[^`\n]*`/g, '')
          .matchAll(/\]\(([^)\s]+)\)/g),
      ].map(([, to = '']) => ({
        page,
        to,
      })),
    );
    expect(links.length).toBeGreaterThan(20);
    const broken = links.filter(({ page, to }) => {
      if (/^[a-z]+:/.test(to)) {
        return false;
      }
      const [file = '', anchor] = to.split('#');
      const target = file === '' ? page : posix.join(posix.dirname(page), file);
      if (!existsSync(`${ROOT}${target}`)) {
        return true;
      }
      return anchor !== undefined && target.endsWith('.md') && !anchors(target).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  test('use the words of docs/nomenclature.md', () => {
    const banned = /\b(pod|pods|kubelet|blacklist|whitelist)\b/i;
    expect(
      linesMatching(
        sources.filter((path) => path !== self && path.startsWith('libs/')),
        banned,
      ),
    ).toEqual([]);
  });
});

describe('packages', () => {
  const packages = tracked.filter((path) =>
    /^(libs|apps)\/[^/]+\/package\.json$|^(agent|docker-dev)\/package\.json$/.test(path),
  );

  test('say in a README what they are', () => {
    expect(packages.filter((path) => !tracked.includes(path.replace('package.json', 'README.md')))).toEqual(
      [],
    );
  });

  test('pin every dependency exactly', () => {
    const loose = [...packages, 'package.json'].flatMap((path) => {
      const { dependencies = {}, devDependencies = {} } = JSON.parse(read(path)) as Record<
        string,
        Record<string, string> | undefined
      >;
      return Object.entries({ ...dependencies, ...devDependencies })
        .filter(([, version]) => !/^(npm:[\w@/-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
        .map(([name, version]) => `${path}: ${name} ${version}`);
    });
    expect(loose).toEqual([]);
  });
});

describe('decisions', () => {
  test('are numbered without gaps', () => {
    const numbers = tracked.flatMap((path) => /^docs\/adr\/(\d{4})-/.exec(path)?.[1] ?? []).map(Number);
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});
