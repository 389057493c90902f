/** One `${NAME}` of a compose text, with the default it names, if any. */
export interface Variable {
  readonly name: string;
  readonly fallback: string | undefined;
  readonly isRequired: boolean;
}

const VARIABLE = /\$(?:\{([A-Za-z_]\w*)(?:(:?[-?+])([^}]*))?\}|([A-Za-z_]\w*)|\$)/g;

/** The variables of a text, each once, in order of appearance. `$$` is a dollar sign. */
export function variablesOf(text: string): readonly Variable[] {
  const found = new Map<string, Variable>();
  for (const match of text.matchAll(VARIABLE)) {
    const name = match[1] ?? match[4];
    if (name !== undefined && !found.has(name)) {
      const operator = match[2] ?? '';
      found.set(name, {
        name,
        fallback: operator.endsWith('-') ? (match[3] ?? '') : undefined,
        isRequired: operator.endsWith('?'),
      });
    }
  }
  return [...found.values()];
}
