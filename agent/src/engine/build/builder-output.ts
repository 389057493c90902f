/** What one line of the builder means to the client of a build. */
export interface BuilderLine {
  /** What the client sees; undefined: nothing. */
  readonly text?: string;
  /** Id of an image that stands for a step, or the first digits of it. */
  readonly stepImage?: string;
}

export interface OutputContext {
  /** The FROM instructions as the user wrote them, by stage. */
  readonly fromTexts: readonly string[];
  /** Image id -> name that the user knows the image by. */
  readonly names: ReadonlyMap<string, string>;
}

const LINE_LENGTH_MAX = 64 * 1024;
const STEP = /^(?:\[(\d+)\/(\d+)\] )?STEP (\d+)\/(\d+): (.*)$/;
const COMMIT = /^(?:\[\d+\/\d+\] )?COMMIT\b/;

/** Says in the words of `docker build` what a line of buildah's output says. */
export function translateLine(line: string, context: OutputContext): BuilderLine {
  const cached = /^--> Using cache ([0-9a-f]{64})$/.exec(line);
  if (cached !== null) {
    return { text: ' ---> Using cache', stepImage: cached[1] ?? '' };
  }
  const made = /^--> ([0-9a-f]{8,64})$/.exec(line);
  if (made !== null) {
    return { text: ` ---> ${made[1] ?? ''}`, stepImage: made[1] ?? '' };
  }
  const step = STEP.exec(line);
  if (step === null) {
    return COMMIT.test(line) ? {} : { text: line };
  }
  const [, stage, stages, number = '', count = '', instruction = ''] = step;
  const from = number === '1' ? context.fromTexts[Number(stage ?? 1) - 1] : undefined;
  const where = stage === undefined || stages === undefined ? '' : `[${stage}/${stages}] `;
  return { text: `${where}Step ${number}/${count} : ${from ?? withNames(instruction, context.names)}` };
}

/** Image ids replaced by the names they stand for. */
function withNames(text: string, names: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\b[0-9a-f]{64}\b/g, (id) => names.get(id) ?? id);
}

/** The last thing the builder said, as an error of `docker build`. */
export function describeFailure(
  message: string,
  names: ReadonlyMap<string, string>,
): { readonly message: string; readonly exitCode: number } {
  const text = withNames(message.replace(/^(Error|error): /, ''), names);
  const run = /^building at STEP "RUN (.*)": while running runtime: exit status (\d+)$/s.exec(text);
  if (run === null) {
    const unknown = /^building at STEP ".*": Build error: Unknown instruction: "(\S+)"/s.exec(text);
    const missing =
      /^building at STEP "(COPY|ADD) .* copier: stat: "\/?(.*)": no such file or directory$/s.exec(text);
    if (unknown !== null) {
      return { message: `dockerfile parse error: unknown instruction: ${unknown[1] ?? ''}`, exitCode: 1 };
    }
    if (missing !== null) {
      const [, instruction = '', path = ''] = missing;
      const message = `${instruction} failed: file not found in build context or excluded by .dockerignore: stat ${path}: file does not exist`;
      return { message, exitCode: 1 };
    }
    return { message: text === '' ? 'the builder ended without a word' : text, exitCode: 1 };
  }
  const exitCode = Number(run[2]);
  const command = (run[1] ?? '').replace(/^(--\S+ )+/, '');
  const shown = execForm(command) ?? `/bin/sh -c ${command}`;
  return { message: `The command '${shown}' returned a non-zero code: ${String(exitCode)}`, exitCode };
}

function execForm(command: string): string | undefined {
  if (!command.startsWith('[')) {
    return undefined;
  }
  try {
    const words: unknown = JSON.parse(command);
    return Array.isArray(words) ? words.join(' ') : undefined;
  } catch {
    // Docker takes what is not JSON as a shell command, too.
    return undefined;
  }
}

/**
 * Turns the output of a running builder into lines. The id of the image, alone on the last line, is kept back, and so is
 * an error at the end of the error output: both are results, not output.
 */
export class BuilderOutput {
  readonly stepImages: string[] = [];
  readonly #context: OutputContext;
  readonly #write: (text: string) => void;
  readonly #partial = { stdout: '', stderr: '' };
  readonly #held = { stdout: '', stderr: '' };

  constructor(context: OutputContext, write: (text: string) => void) {
    this.#context = context;
    this.#write = write;
  }

  feed(stream: 'stdout' | 'stderr', text: string): void {
    const lines = `${this.#partial[stream]}${text}`.split('\n');
    this.#partial[stream] = lines.pop() ?? '';
    for (const line of lines) {
      this.#line(stream, line);
    }
    // A line that never ends must not be kept in memory.
    if (this.#partial[stream].length > LINE_LENGTH_MAX) {
      this.#flushHeld(stream);
      this.#write(this.#partial[stream]);
      this.#partial[stream] = '';
    }
  }

  /** After the builder has ended: the image's id, or what was said last. */
  end(isSuccess: boolean): { readonly imageId: string; readonly error: string } {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#partial[stream] !== '') {
        this.#line(stream, this.#partial[stream]);
        this.#partial[stream] = '';
      }
    }
    const result = { imageId: this.#held.stdout, error: this.#held.stderr };
    this.#flushHeld(isSuccess ? 'stderr' : 'stdout');
    return result;
  }

  #line(stream: 'stdout' | 'stderr', line: string): void {
    this.#flushHeld(stream);
    const isResult = stream === 'stdout' ? /^[0-9a-f]{64}$/.test(line) : /^Error: /.test(line);
    if (isResult) {
      this.#held[stream] = line;
      return;
    }
    const { text, stepImage } = stream === 'stdout' ? translateLine(line, this.#context) : { text: line };
    if (stepImage !== undefined) {
      this.stepImages.push(stepImage);
    }
    if (text !== undefined) {
      this.#write(`${text}\n`);
    }
  }

  #flushHeld(stream: 'stdout' | 'stderr'): void {
    if (this.#held[stream] !== '') {
      this.#write(`${this.#held[stream]}\n`);
      this.#held[stream] = '';
    }
  }
}
