import { fail, ok, type Result } from '@skep/kernel';

/** An image that a Dockerfile wants from outside, and where its name stands in the text. */
export interface BaseUse {
  /** With variables replaced: `busybox:1`. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export interface DockerfileStage {
  /** Lower case; empty when the stage has no name. */
  readonly name: string;
  /** The FROM instruction as one line. */
  readonly text: string;
}

/** What has to be known of a Dockerfile before a builder reads it. */
export interface Dockerfile {
  /** Up to the target. */
  readonly stages: readonly DockerfileStage[];
  /** In the order of the text. */
  readonly uses: readonly BaseUse[];
}

export interface DockerfileOptions {
  /** `--build-arg`, and what the builder itself defines (`TARGETARCH`). */
  readonly args: Readonly<Record<string, string>>;
  /** Name or number of the last stage that is wanted. */
  readonly target?: string;
}

interface Word {
  readonly text: string;
  readonly start: number;
}

interface Instruction {
  readonly keyword: string;
  readonly words: readonly Word[];
}

/**
 * Finds the stages of a Dockerfile and the images it is based on. Everything else is the builder's: a mistake in any
 * other instruction is no error here.
 */
export function parseDockerfile(text: string, options: DockerfileOptions): Result<Dockerfile> {
  const escape = escapeCharacter(text);
  const globals = new Map<string, string>();
  const stages: DockerfileStage[] = [];
  const uses: (BaseUse & { readonly stage: number })[] = [];
  const isStage = (name: string): boolean =>
    stages.some((stage, index) => stage.name === name.toLowerCase() || String(index) === name);
  for (const instruction of splitInstructions(text, escape)) {
    const { keyword, words } = instruction;
    if (keyword === 'ARG' && stages.length === 0) {
      declareArguments(words, globals, { args: options.args, escape });
    } else if (keyword === 'FROM') {
      const from = readFrom(words);
      const name = expand(
        from.image?.text ?? '',
        { ...options.args, ...Object.fromEntries(globals) },
        escape,
      );
      const isOutside = name !== '' && name.toLowerCase() !== 'scratch' && !isStage(name);
      if (from.image !== undefined && isOutside) {
        uses.push({ name, ...spanOf(from.image), stage: stages.length });
      }
      stages.push({ name: from.alias.toLowerCase(), text: ['FROM', ...words.map((w) => w.text)].join(' ') });
    } else if (['COPY', 'ADD', 'RUN'].includes(keyword)) {
      const found = words.flatMap((word) => sourcesIn(keyword, word)).filter(({ name }) => !isStage(name));
      uses.push(...found.map((use) => ({ ...use, stage: stages.length - 1 })));
    }
  }
  return upToTarget({ stages, uses }, options.target ?? '');
}

/** The text with each used image called by another name. */
export function renameBases(
  text: string,
  uses: readonly BaseUse[],
  nameOf: (use: BaseUse) => string,
): string {
  let renamed = '';
  let position = 0;
  for (const use of uses) {
    renamed += text.slice(position, use.start) + nameOf(use);
    position = use.end;
  }
  return renamed + text.slice(position);
}

function upToTarget(
  found: {
    readonly stages: readonly DockerfileStage[];
    readonly uses: readonly (BaseUse & { readonly stage: number })[];
  },
  target: string,
): Result<Dockerfile> {
  if (found.stages.length === 0) {
    return fail('invalid_argument', 'no build stage in current context');
  }
  let last = found.stages.length - 1;
  if (target !== '') {
    const named = found.stages.findIndex((stage) => stage.name === target.toLowerCase());
    const numbered = /^\d{1,4}$/.test(target) ? Number(target) : -1;
    last = named >= 0 ? named : numbered;
    if (last < 0 || last >= found.stages.length) {
      return fail('invalid_argument', `failed to reach build target ${target.slice(0, 100)} in Dockerfile`);
    }
  }
  return ok({
    stages: found.stages.slice(0, last + 1),
    uses: found.uses.filter((use) => use.stage <= last).map(({ name, start, end }) => ({ name, start, end })),
  });
}

/** `# escape=` in the directives at the top chooses the character that continues lines. */
function escapeCharacter(text: string): string {
  for (const line of text.split('\n')) {
    const directive = /^\s*#\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line);
    if (directive === null) {
      break;
    }
    if (directive[1]?.toLowerCase() === 'escape' && (directive[2] === '`' || directive[2] === '\\')) {
      return directive[2];
    }
  }
  return '\\';
}

/** Cuts the text into instructions: continued lines belong together, comments and blank lines between them do not count. */
function splitInstructions(text: string, escape: string): Instruction[] {
  const instructions: Instruction[] = [];
  let words: Word[] = [];
  let offset = 0;
  const finish = (): void => {
    const [first, ...rest] = words;
    if (first !== undefined) {
      instructions.push({ keyword: first.text.toUpperCase(), words: rest });
    }
    words = [];
  };
  for (const raw of text.split('\n')) {
    const line = raw.replace(/\s+$/, '');
    const isComment = /^\s*#/.test(line);
    if (!isComment && line !== '') {
      const isContinued = line.endsWith(escape);
      words.push(...splitWords(isContinued ? line.slice(0, -1) : line, offset));
      if (!isContinued) {
        finish();
      }
    }
    offset += raw.length + 1;
  }
  finish();
  return instructions;
}

function splitWords(line: string, offset: number): Word[] {
  return [...line.matchAll(/\S+/g)].map((match) => ({ text: match[0], start: offset + match.index }));
}

function spanOf(word: Word): { start: number; end: number } {
  return { start: word.start, end: word.start + word.text.length };
}

function readFrom(words: readonly Word[]): { image: Word | undefined; alias: string } {
  const rest = words.filter((word) => !word.text.startsWith('--'));
  const [image, as, alias] = rest;
  return { image, alias: as?.text.toUpperCase() === 'AS' ? (alias?.text ?? '') : '' };
}

/** Images named by flags: `COPY --from=image`, `RUN --mount=type=bind,from=image`. */
function sourcesIn(keyword: string, word: Word): BaseUse[] {
  const pattern = keyword === 'RUN' ? /^(--mount=(?:[^,]*,)*?from=)([^,]+)/ : /^(--from=)(\S+)$/;
  const match = pattern.exec(word.text);
  const [, before = '', name = ''] = match ?? [];
  // Variables are not replaced here, as with Docker; a name that has one is left to the builder to refuse.
  if (name === '' || name.includes('$')) {
    return [];
  }
  const start = word.start + before.length;
  return [{ name, start, end: start + name.length }];
}

function declareArguments(
  words: readonly Word[],
  globals: Map<string, string>,
  given: { readonly args: Readonly<Record<string, string>>; readonly escape: string },
): void {
  for (const { text } of words) {
    const equals = text.indexOf('=');
    const name = equals === -1 ? text : text.slice(0, equals);
    const fallback =
      equals === -1
        ? undefined
        : expand(text.slice(equals + 1), { ...given.args, ...Object.fromEntries(globals) }, given.escape);
    const value = Object.hasOwn(given.args, name) ? given.args[name] : fallback;
    if (value !== undefined) {
      globals.set(name, value);
    }
  }
}

/** Replaces `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}`, and takes quotes away. */
function expand(text: string, values: Readonly<Record<string, string>>, escape: string): string {
  const valueOf = (name: string): string => (Object.hasOwn(values, name) ? (values[name] ?? '') : '');
  const escaped = escape === '`' ? '`[$"\']' : '\\\\[$"\']';
  const pattern = new RegExp(`(${escaped})|\\$\\{(\\w+)(?::([-+])([^}]*))?\\}|\\$(\\w+)|(["'])`, 'g');
  return text.replace(pattern, (...match) => {
    const [, literal, braced, operator, word = '', bare] = match as (string | undefined)[];
    if (literal !== undefined) {
      return literal.slice(1);
    }
    const value = valueOf(braced ?? bare ?? '');
    if (operator === undefined) {
      return value;
    }
    const isSet = value !== '';
    if (operator === '-') {
      return isSet ? value : expand(word, values, escape);
    }
    return isSet ? expand(word, values, escape) : '';
  });
}
