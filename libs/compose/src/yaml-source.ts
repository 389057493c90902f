import {
  LineCounter,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Document,
  type Node,
  type ScalarTag,
} from 'yaml';

import { formatPath, type Diagnostic, type DocumentPath, type Finding } from './diagnostics.ts';

/** Aliases may expand to at most this many nodes: a guard against "billion laughs". */
const ALIASES_MAX = 100;

/** File modes are written with a leading zero (`0440`), as YAML 1.1 has it and compose files use it. */
const legacyOctal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};

/** A YAML text with its positions. */
export class YamlSource {
  readonly #document: Document;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      merge: true,
      version: '1.2',
      customTags: (tags) => [legacyOctal, ...tags],
      prettyErrors: false,
    });
  }

  /** Errors of syntax, duplicate keys included; empty when the text is well-formed. */
  syntaxErrors(): Diagnostic[] {
    return this.#document.errors.map((error) =>
      this.#diagnostic({ severity: 'error', path: [], message: firstLine(error.message) }, error.pos),
    );
  }

  /** The document as plain values; call only when there are no syntax errors. */
  toValue():
    { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly diagnostic: Diagnostic } {
    try {
      return { ok: true, value: this.#document.toJS({ maxAliasCount: ALIASES_MAX }) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { ok: false, diagnostic: this.#diagnostic({ severity: 'error', path: [], message }, [0, 0]) };
    }
  }

  /** Gives a finding its place: that of its node, or of the nearest ancestor that stands in the text. */
  locate(finding: Finding): Diagnostic {
    return this.#diagnostic(finding, this.#rangeOf(finding));
  }

  #rangeOf(finding: Finding): readonly [number, number] {
    let node: unknown = this.#document.contents;
    let range: readonly [number, number] = rangeOfNode(node) ?? [0, 0];
    for (const [depth, step] of finding.path.entries()) {
      const isLast = depth === finding.path.length - 1;
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (pair === undefined) {
          break;
        }
        const isKeyWanted = (isLast && finding.atKey === true) || pair.value === null;
        range = (isKeyWanted ? undefined : rangeOfNode(pair.value)) ?? rangeOfNode(pair.key) ?? range;
        node = pair.value;
      } else if (isSeq(node) && typeof step === 'number') {
        node = node.items[step];
        range = rangeOfNode(node) ?? range;
      } else {
        break;
      }
    }
    return range;
  }

  #diagnostic(finding: Finding, range: readonly [number, number]): Diagnostic {
    const start = this.#lines.linePos(range[0]);
    const end = this.#lines.linePos(Math.max(range[0], range[1]));
    return {
      severity: finding.severity,
      line: Math.max(1, start.line),
      column: Math.max(1, start.col),
      endLine: Math.max(1, end.line),
      endColumn: Math.max(1, end.col),
      path: formatPath(finding.path),
      message: finding.message,
    };
  }
}

function rangeOfNode(node: unknown): readonly [number, number] | undefined {
  const range = (node as Node | null | undefined)?.range;
  return range === null || range === undefined ? undefined : [range[0], range[1]];
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}

/** Reads the value at `path` of plain data; undefined where there is none. */
export function valueAt(root: unknown, path: DocumentPath): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null
        ? (value as Record<string | number, unknown>)[step]
        : undefined,
    root,
  );
}
