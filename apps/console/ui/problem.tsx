'use client';

import { useTranslations } from 'use-intl';

import { ApiError } from '../api/http.ts';
import type { Problem } from '../api/http.ts';
import { StateGlyph } from './state-glyph.tsx';

/** Anything thrown, as a problem. */
export function toProblem(error: unknown): Problem {
  if (error instanceof ApiError) {
    return error.problem;
  }
  return {
    title: 'Error',
    status: 0,
    code: 'internal',
    detail: error instanceof Error ? error.message : String(error),
  };
}

/** Codes whose particulars only the manager knows: its sentence names the field, the reason and the remedy. */
const SERVER_SPEAKS = new Set([
  'invalid_argument',
  'name_conflict',
  'already_exists',
  'failed_precondition',
  'resource_exhausted',
  'unimplemented',
]);

/** One sentence for a refused request, in the reader's language where the code says it all. */
export function useProblemText(): (problem: Problem) => string {
  const t = useTranslations('problems');
  return (problem) => {
    const { code, detail } = problem;
    if (detail !== undefined && (SERVER_SPEAKS.has(code) || !t.has(code as 'internal'))) {
      return detail;
    }
    return t.has(code as 'internal') ? t(code as 'internal') : (detail ?? problem.title);
  };
}

interface InlineProblemProps {
  readonly error: unknown;
  /** Sentences that fit here better than the general ones, by code. */
  readonly sentences?: Readonly<Record<string, string>>;
}

/** A refusal next to the control that asked. */
export function InlineProblem({ error, sentences = {} }: InlineProblemProps) {
  const text = useProblemText();
  if (error === undefined) {
    return null;
  }
  const problem = toProblem(error);
  const fields = problem.errors ?? [];
  return (
    <div role="alert" className="tinted tone-bad flex gap-2 rounded-sm border px-3 py-2">
      <StateGlyph glyph="failed" family="bad" className="mt-1" />
      <div className="min-w-0 break-words">
        <p>{sentences[problem.code] ?? text(problem)}</p>
        {fields.length === 0 ? null : (
          <ul className="mt-1 space-y-0.5 text-xs">
            {fields.map((field) => (
              <li key={`${field.path} ${field.message}`}>
                <code>{field.path}</code> {field.message}
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
