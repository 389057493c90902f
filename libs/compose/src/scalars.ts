import { z } from 'zod';

import { parseBytes, parseDurationMs } from '@skep/kernel';

/** A text; YAML numbers and booleans are taken as they are written. */
export const Text = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** A whole number; texts that are one are accepted, as interpolation makes texts. */
export const WholeNumber = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^-?\d+$/, 'must be a whole number')
      .transform(Number),
  ])
  .pipe(z.int('must be a whole number'));

export const Fraction = z.union([
  z.number(),
  z
    .string()
    .regex(/^\d+(?:\.\d+)?$/, 'must be a number')
    .transform(Number),
]);

export const Flag = z.union([
  z.boolean(),
  z
    .enum(['true', 'false', 'yes', 'no', 'on', 'off'])
    .transform((text) => ['true', 'yes', 'on'].includes(text)),
]);

/** A duration such as `1m30s`, as nanoseconds. */
export const Duration = z.union([z.string(), z.number()]).transform((value, context) => {
  const parsed = parseDurationMs(typeof value === 'number' ? `${String(value)}s` : value);
  if (!parsed.ok) {
    context.addIssue({ code: 'custom', message: parsed.error.message });
    return z.NEVER;
  }
  return Math.round(parsed.value * 1e6);
});

/** A size such as `64m`, as bytes. */
export const Size = z.union([z.string(), z.number()]).transform((value, context) => {
  const parsed = parseBytes(String(value));
  if (!parsed.ok) {
    context.addIssue({ code: 'custom', message: parsed.error.message });
    return z.NEVER;
  }
  return parsed.value;
});

/** Labels and environments: a mapping, or a list of `KEY=value`. Null values of a mapping become null. */
export const KeyValues = z.union([
  z.record(z.string(), z.union([Text, z.null()])),
  z.array(z.string()).transform((items) =>
    Object.fromEntries(
      items.map((item): [string, string | null] => {
        const split = item.indexOf('=');
        return split === -1 ? [item, null] : [item.slice(0, split), item.slice(split + 1)];
      }),
    ),
  ),
]);

/** One text or a list of them, as a list. */
export const TextList = z.union([Text.transform((text) => [text]), z.array(Text)]);

/** A command: a list, or a text split as a shell would split it. */
export const CommandLine = z.union([z.string().transform(splitWords), z.array(Text)]);

/** Splits a command line into words: blanks separate, quotes and backslashes protect (POSIX shell 2.2, no expansion). */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let isOpen = false;
  let quote = '';
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i] ?? '';
    if (quote === "'" || (quote === '"' && char !== '\\')) {
      if (char === quote) {
        quote = '';
      } else {
        word += char;
      }
    } else if (char === '\\') {
      i += 1;
      word += text[i] ?? '';
      isOpen = true;
    } else if (char === '"' || char === "'") {
      quote = char;
      isOpen = true;
    } else if (/\s/.test(char)) {
      if (isOpen) {
        words.push(word);
      }
      word = '';
      isOpen = false;
    } else {
      word += char;
      isOpen = true;
    }
  }
  if (isOpen) {
    words.push(word);
  }
  return words;
}
