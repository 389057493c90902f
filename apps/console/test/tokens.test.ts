import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

function filesUnder(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesUnder(path) : [path];
  });
}

const sources = ['app', 'features', 'ui', 'edit', 'terminal', 'styles']
  .flatMap((folder) => filesUnder(join(ROOT, folder)))
  .filter((path) => /\.(tsx?|css)$/.test(path) && !path.endsWith('tokens.css') && !path.includes('.test.'));

test('colours are named only in tokens.css', () => {
  const named = sources.flatMap((path) =>
    [
      ...readFileSync(path, 'utf8').matchAll(/#[0-9a-f]{3,8}\b(?=['";\s)])|\b(?:rgb|hsl|oklch)a?\((?!var)/gi),
    ].map(([colour]) => `${relative(ROOT, path)}: ${colour}`),
  );
  expect(named.filter((each) => !each.includes('oklch('))).toEqual([]);
});

test('zod never enters the bundle: the contract and the model give types only', () => {
  const loud = ['app', 'features', 'ui', 'edit', 'live', 'logs', 'api', 'i18n', 'terminal']
    .flatMap((folder) => filesUnder(join(ROOT, folder)))
    .filter((path) => /\.tsx?$/.test(path) && !path.includes('.test.'))
    .filter((path) =>
      /import (?!type)[^;]*from '(?:@skep\/(?:contract|model|kernel)|zod)'/.test(readFileSync(path, 'utf8')),
    );
  expect(loud.map((path) => relative(ROOT, path))).toEqual([]);
});

/** OKLCH to linear sRGB (Ottosson 2020), then relative luminance (WCAG 2.2). */
function luminance(lightness: number, chroma: number, hue: number): number {
  const angle = (hue * Math.PI) / 180;
  const a = chroma * Math.cos(angle);
  const b = chroma * Math.sin(angle);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clamp = (value: number) => Math.min(1, Math.max(0, value));
  const red = clamp(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  const green = clamp(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  const blue = clamp(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function themes(): Map<string, Map<string, number>> {
  const css = readFileSync(join(ROOT, 'styles/tokens.css'), 'utf8');
  const found = new Map<string, Map<string, number>>();
  for (const [, name, body] of css.matchAll(/\[data-theme='(\w+)'\] \{([^}]*)\}/g)) {
    const tokens = new Map<string, number>();
    for (const [, token, l, c, h] of (body ?? '').matchAll(
      /--([\w-]+): oklch\(([\d.]+) ([\d.]+) ([\d.]+)\);/g,
    )) {
      tokens.set(token ?? '', luminance(Number(l), Number(c), Number(h)));
    }
    found.set(name ?? '', tokens);
  }
  return found;
}

function contrast(a: number, b: number): number {
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

describe.each([...themes()])('theme %s', (_name, tokens) => {
  const of = (token: string) => tokens.get(token) ?? Number.NaN;
  test.each(['text', 'muted', 'accent', 'ok', 'go', 'wait', 'warn', 'bad', 'off'])(
    '%s is legible on every surface',
    (token) => {
      for (const ground of ['bg', 'surface', 'raised']) {
        expect(contrast(of(token), of(ground)), `${token} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      }
    },
  );
  test('control borders are visible, and text on the accent is legible', () => {
    expect(contrast(of('control'), of('surface'))).toBeGreaterThanOrEqual(3);
    expect(contrast(of('on-accent'), of('accent'))).toBeGreaterThanOrEqual(4.5);
  });
});
