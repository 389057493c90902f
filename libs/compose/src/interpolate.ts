import type { DocumentPath, Finding } from './diagnostics.ts';

export interface Interpolated {
  readonly value: unknown;
  readonly findings: readonly Finding[];
  /** Names of all variables the text speaks of. */
  readonly names: readonly string[];
}

/**
 * Replaces `$NAME` and `${NAME...}` in every string of a document, as the compose specification has it:
 * `${N}`, `${N:-default}`, `${N-default}`, `${N:?error}`, `${N?error}`, `${N:+other}`, `${N+other}`, `$$` for a
 * dollar sign; defaults may hold variables themselves. Keys are left alone.
 */
export function interpolate(root: unknown, variables: Readonly<Record<string, string>>): Interpolated {
  const findings: Finding[] = [];
  const names = new Set<string>();
  const visit = (value: unknown, path: DocumentPath): unknown => {
    if (typeof value === 'string') {
      return value.includes('$') ? substitute(value, { variables, path, findings, names, depth: 0 }) : value;
    }
    if (Array.isArray(value)) {
      return value.map((item, index) => visit(item, [...path, index]));
    }
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key])]),
      );
    }
    return value;
  };
  return { value: visit(root, []), findings, names: [...names].sort() };
}

interface Context {
  readonly variables: Readonly<Record<string, string>>;
  readonly path: DocumentPath;
  readonly findings: Finding[];
  readonly names: Set<string>;
  readonly depth: number;
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const DEPTH_MAX = 8;

function substitute(text: string, context: Context): string {
  let out = '';
  let position = 0;
  while (position < text.length) {
    const dollar = text.indexOf('$', position);
    if (dollar === -1 || dollar === text.length - 1) {
      return out + text.slice(position);
    }
    out += text.slice(position, dollar);
    const next = text[dollar + 1];
    if (next === '$') {
      out += '$';
      position = dollar + 2;
    } else if (next === '{') {
      const end = closingBrace(text, dollar + 2);
      if (end === -1) {
        report(context, `"${text}" has a \${ without its closing }`);
        return out;
      }
      out += expand(text.slice(dollar + 2, end), context);
      position = end + 1;
    } else {
      NAME.lastIndex = dollar + 1;
      const name = NAME.exec(text)?.[0];
      if (name === undefined) {
        report(context, `"${text}" has a $ that begins no variable; write $$ for a dollar sign`);
        return out;
      }
      out += lookUp(name, context) ?? '';
      position = dollar + 1 + name.length;
    }
  }
  return out;
}

function closingBrace(text: string, from: number): number {
  let depth = 1;
  for (let i = from; i < text.length; i += 1) {
    if (text[i] === '{' && text[i - 1] === '$') {
      depth += 1;
    } else if (text[i] === '}') {
      depth -= 1;
      if (depth === 0) {
        return i;
      }
    }
  }
  return -1;
}

function expand(body: string, context: Context): string {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?+])([\s\S]*))?$/.exec(body);
  if (match === null || context.depth > DEPTH_MAX) {
    report(
      context,
      `"\${${body}}" is not a variable; write \${NAME}, \${NAME:-default} or \${NAME:?message}`,
    );
    return '';
  }
  const [, name = '', operator, argument = ''] = match;
  return operator === undefined
    ? (lookUp(name, context) ?? '')
    : expandWithOperator({ name, operator, argument }, context);
}

interface Expansion {
  readonly name: string;
  readonly operator: string;
  readonly argument: string;
}

function expandWithOperator({ name, operator, argument }: Expansion, context: Context): string {
  const value = context.variables[name] ?? '';
  context.names.add(name);
  const isMissing = operator.startsWith(':') ? value === '' : context.variables[name] === undefined;
  const inner = (): string => substitute(argument, { ...context, depth: context.depth + 1 });
  switch (operator.at(-1)) {
    case '-':
      return isMissing ? inner() : value;
    case '+':
      return isMissing ? '' : inner();
    default:
      if (isMissing) {
        report(context, `variable ${name} must be set${argument === '' ? '' : `: ${inner()}`}`);
      }
      return value;
  }
}

function lookUp(name: string, context: Context): string | undefined {
  context.names.add(name);
  const value = context.variables[name];
  if (value === undefined) {
    context.findings.push({
      severity: 'warning',
      path: context.path,
      message: `variable ${name} is not set; an empty text takes its place`,
    });
  }
  return value;
}

function report(context: Context, message: string): void {
  context.findings.push({ severity: 'error', path: context.path, message });
}
