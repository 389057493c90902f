/** One remark about a stack file. Lines and columns count from 1. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  /** Where in the document: `services.web.ports[0]`. */
  readonly path: string;
  readonly message: string;
}

/** Steps into a document: keys of mappings, indexes of lists. */
export type DocumentPath = readonly (string | number)[];

/** A remark whose place is still a path; {@link YamlSource.locate} gives it line and column. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly path: DocumentPath;
  /** Point at the key and not at its value. */
  readonly atKey?: boolean;
  readonly message: string;
}

/** Formats a path the way people write it: `services.web.ports[0]`. */
export function formatPath(path: DocumentPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') {
      return `${text}[${String(step)}]`;
    }
    return text === '' ? step : `${text}.${step}`;
  }, '');
}
