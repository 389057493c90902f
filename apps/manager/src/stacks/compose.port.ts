import { parseStack, type Diagnostic, type StackSpecs } from '@skep/compose';
import type { FieldProblem } from '@skep/contract';
import { SwarmError } from '@skep/kernel';

/** A compose text as the API receives it. */
export interface ComposeText {
  readonly name: string;
  readonly source: string;
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /** Base64, by the path as written in the text. */
  readonly files?: Readonly<Record<string, string>> | undefined;
}

export interface ComposeReading {
  /** Absent when there are errors. */
  readonly stack?: StackSpecs;
  readonly errors: readonly FieldProblem[];
  readonly warnings: readonly FieldProblem[];
}

/** Reads a compose text; every remark has its line and column. */
export function readCompose(text: ComposeText): ComposeReading {
  const files = Object.entries(text.files ?? {}).map(
    ([path, base64]) => [path, new Uint8Array(Buffer.from(base64, 'base64'))] as const,
  );
  const result = parseStack({
    name: text.name,
    text: text.source,
    ...(text.variables === undefined ? {} : { variables: text.variables }),
    files: Object.fromEntries(files),
  });
  return {
    ...(result.ok ? { stack: result.stack } : {}),
    errors: result.diagnostics.filter(({ severity }) => severity === 'error').map(toFieldProblem),
    warnings: result.diagnostics.filter(({ severity }) => severity === 'warning').map(toFieldProblem),
  };
}

/** The refusal of a text, with all its errors. */
export function composeError(errors: readonly FieldProblem[]): SwarmError {
  const [first] = errors;
  const place =
    first?.line === undefined ? '' : `line ${String(first.line)}, column ${String(first.column ?? 1)}: `;
  const more = errors.length > 1 ? ` (and ${String(errors.length - 1)} more)` : '';
  return new SwarmError('invalid_argument', `${place}${first?.message ?? 'the stack is not valid'}${more}`, {
    details: { diagnostics: errors.slice(0, 100) },
  });
}

function toFieldProblem(diagnostic: Diagnostic): FieldProblem {
  const { path, message, line, column } = diagnostic;
  return { path, code: 'compose', message, line, column };
}
