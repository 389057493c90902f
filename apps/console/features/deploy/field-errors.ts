import type { FieldProblem } from '@skep/contract';

import { fieldOfPath } from '../../edit/service-form.ts';
import type { FormError, FormField } from '../../edit/service-form.ts';

/** One sentence per field of the form. */
export type FieldErrors = Partial<Record<FormField, string>>;

/** Puts what the manager refused, and what the form itself finds, next to the fields it speaks of. */
export function fieldErrorsOf(
  problems: readonly FieldProblem[],
  own: readonly FormError[],
  sentence: (error: FormError) => string,
): FieldErrors {
  const fields: FieldErrors = {};
  for (const error of own) {
    fields[error.field] ??= sentence(error);
  }
  for (const problem of problems) {
    const field = fieldOfPath(problem.path);
    if (field !== undefined) {
      fields[field] ??= problem.message;
    }
  }
  return fields;
}
