import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { messages as en } from '../messages/en/index.ts';
import { messages as fr } from '../messages/fr/index.ts';
import { REASON_PARAMS } from '../ui/why.tsx';

const ROOT = join(import.meta.dirname, '..');
const FOLDERS = ['app', 'features', 'ui', 'live', 'logs', 'edit', 'api', 'i18n', 'terminal'];

function flatten(value: object, path = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, inner] of Object.entries(value)) {
    const here = path === '' ? key : `${path}.${key}`;
    if (typeof inner === 'string') {
      found.set(here, inner);
    } else {
      flatten(inner as object, here).forEach((text, at) => found.set(at, text));
    }
  }
  return found;
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesUnder(path) : [path];
  });
}

/** Names of the arguments and tags of a message, whatever their formatting. */
function holesOf(text: string): string[] {
  const names = new Set<string>();
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const rest = text.slice(at);
    const hole = /^\{\s*(\w+)\s*(,|\})/.exec(rest);
    if (hole?.[1] !== undefined && isArgument(text, at)) {
      names.add(hole[1]);
    }
    depth += text.charAt(at) === '{' ? 1 : text.charAt(at) === '}' ? -1 : 0;
    const tag = /^<(\w+)>/.exec(rest);
    if (tag?.[1] !== undefined) {
      names.add(`<${tag[1]}>`);
    }
  }
  expect(depth, `braces of ${text}`).toBe(0);
  return [...names].sort();
}

/** A brace after `one`, `other`, `=0` or a select key opens a text, not an argument. */
function isArgument(text: string, at: number): boolean {
  return !/(?:=\d+|zero|one|two|few|many|other|startfirst|rollback|continue)\s*$/.test(text.slice(0, at));
}

const english = flatten(en);
const french = flatten(fr);
const sources = FOLDERS.flatMap((folder) => filesUnder(join(ROOT, folder)))
  .filter((path) => /\.tsx?$/.test(path) && !path.includes('.test.'))
  .map((path) => readFileSync(path, 'utf8'));

test('both languages have the same keys', () => {
  expect([...french.keys()].sort()).toEqual([...english.keys()].sort());
});

test('each message has the same arguments in both languages', () => {
  const unequal = [...english].filter(
    ([key, text]) => holesOf(french.get(key) ?? '').join() !== holesOf(text).join(),
  );
  expect(unequal.map(([key]) => key)).toEqual([]);
});

test('apostrophes are typographic: straight ones quote in ICU messages', () => {
  const straight = [...english, ...french].filter(([, text]) => text.includes("'")).map(([key]) => key);
  expect(straight).toEqual([]);
});

test('French punctuation is preceded by a narrow no-break space', () => {
  const loose = [...french].filter(([, text]) => / [;:!?»]|« /.test(text)).map(([key]) => key);
  expect(loose).toEqual([]);
});

test('nothing in French is left in English', () => {
  const same = [...english].filter(
    ([key, text]) => french.get(key) === text && /\b(the|and|of|is|to)\b/.test(text),
  );
  expect(same).toEqual([]);
});

/** Keys that are put together at run time, by what they begin with. */
const COMPUTED = [
  'states.',
  'why.',
  'problems.',
  'shell.freshness.',
  'shell.entries.',
  'shell.groups.',
  'shell.roles.',
  'shell.themes.',
  'nodes.roles.',
  'nodes.verbs.',
  'nodes.dialog.',
  'nodes.explain.',
  'nodes.reach.',
  'service.tabs.',
  'service.modes.',
  'service.restartOn.',
  'service.publish.',
  'task.tabs.',
  'terminal.phase.',
  'task.healthStates.',
  'payloads.create.',
  'payloads.createText.',
  'payloads.empty.',
  'payloads.emptyText.',
  'payloads.removeText.',
  'payloads.secrets',
  'payloads.configs',
  'plan.op.',
  'plan.kind.',
  'history.via.',
  'logs.socket.',
  'logs.levelNames.',
  'tokens.roleText.',
  'me.keys.',
  'me.densities.',
  'me.times.',
  'deploy.errors.',
  'deploy.fields.',
  'deploy.hints.',
  'deploy.modes.',
  'deploy.presets.',
  'deploy.presetText.',
  'deploy.restarts.',
];

test('every message is used', () => {
  const all = sources.join('\n');
  const unused = [...english.keys()].filter((key) => {
    const [area = '', ...rest] = key.split('.');
    const local = rest.join('.');
    const last = rest.at(-1) ?? '';
    if (COMPUTED.some((prefix) => key.startsWith(prefix))) {
      return false;
    }
    const isAreaUsed = all.includes(`useTranslations('${area}`);
    return !(isAreaUsed && (all.includes(`'${local}'`) || all.includes(`'${last}'`)));
  });
  expect(unused).toEqual([]);
});

test('each reason code has its sentence with just its parameters', () => {
  const why = flatten(en.why);
  for (const [code, params] of Object.entries(REASON_PARAMS)) {
    expect(holesOf(why.get(code) ?? 'missing {x}'), code).toEqual([...params].sort());
  }
});

test('no text stands in the sources: all of it is in the messages', () => {
  const loud: string[] = [];
  for (const path of FOLDERS.flatMap((folder) => filesUnder(join(ROOT, folder)))) {
    if (!path.endsWith('.tsx') || path.includes('.test.')) {
      continue;
    }
    const source = readFileSync(path, 'utf8');
    for (const match of source.matchAll(/>\s*([A-Z][a-z]+(?: [a-z]+)+)[^<{]*</g)) {
      loud.push(`${path}: ${match[1] ?? ''}`);
    }
    for (const match of source.matchAll(/(?:aria-label|title|placeholder)="([A-Z][^"]*)"/g)) {
      loud.push(`${path}: ${match[1] ?? ''}`);
    }
  }
  expect(loud).toEqual([]);
});
