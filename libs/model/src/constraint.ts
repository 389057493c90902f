import { fail, ok, type Result } from '@skep/kernel';

/** A parsed placement constraint: `node.labels.zone == east`. */
export interface Constraint {
  readonly key: string;
  readonly operator: '==' | '!=';
  readonly value: string;
}

/** The facts about a node that constraints can speak of. */
export interface ConstraintSubject {
  readonly id: string;
  readonly hostname: string;
  readonly role: string;
  readonly ip: string;
  readonly os: string;
  readonly architecture: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly engineLabels: Readonly<Record<string, string>>;
}

const KEY_PATTERN = /^[a-z][a-z0-9\-_./]*$/i;
const VALUE_PATTERN = /^[a-z0-9:\-_\s.*()?+[\]\\^$|/@,]+$/i;
const FIXED_KEYS = [
  'node.id',
  'node.hostname',
  'node.role',
  'node.ip',
  'node.platform.os',
  'node.platform.arch',
];

/** Parses one constraint. Keys are those of Docker: `node.id`, `node.labels.<key>`, `engine.labels.<key>`, ... */
export function parseConstraint(text: string): Result<Constraint> {
  const match = /^(.*?)\s*(==|!=)\s*(.*)$/.exec(text.trim());
  if (match === null) {
    return fail('invalid_argument', `constraint "${text}" must be <key>==<value> or <key>!=<value>`);
  }
  const [key, operator, value] = [match[1] ?? '', match[2] === '!=' ? '!=' : '==', match[3] ?? ''] as const;
  if (!KEY_PATTERN.test(key)) {
    return fail('invalid_argument', `constraint "${text}": "${key}" is not a valid key`);
  }
  if (!VALUE_PATTERN.test(value)) {
    return fail('invalid_argument', `constraint "${text}": value "${value}" is invalid`);
  }
  const isLabel = /^(node|engine)\.labels\..+$/i.test(key);
  if (!isLabel && !FIXED_KEYS.includes(key.toLowerCase())) {
    return fail(
      'invalid_argument',
      `constraint "${text}": unknown key "${key}"; use ${FIXED_KEYS.join(', ')}, node.labels.<key> or engine.labels.<key>`,
    );
  }
  return ok({ key, operator, value });
}

/** Parses a list; the first bad one is the error. */
export function parseConstraints(texts: readonly string[]): Result<Constraint[]> {
  const parsed: Constraint[] = [];
  for (const text of texts) {
    const result = parseConstraint(text);
    if (!result.ok) {
      return result;
    }
    parsed.push(result.value);
  }
  return ok(parsed);
}

/** Whether a node satisfies one constraint. Names compare without case, labels exactly, as in Swarm. */
export function matchesConstraint(constraint: Constraint, subject: ConstraintSubject): boolean {
  const actual = factOf(constraint.key, subject);
  const isFold = FIXED_KEYS.includes(constraint.key.toLowerCase());
  const isEqual = isFold
    ? actual.toLowerCase() === constraint.value.toLowerCase()
    : actual === constraint.value;
  return constraint.operator === '==' ? isEqual : !isEqual;
}

function factOf(key: string, subject: ConstraintSubject): string {
  const lower = key.toLowerCase();
  if (lower.startsWith('node.labels.')) {
    return subject.labels[key.slice('node.labels.'.length)] ?? '';
  }
  if (lower.startsWith('engine.labels.')) {
    return subject.engineLabels[key.slice('engine.labels.'.length)] ?? '';
  }
  const facts: Readonly<Record<string, string>> = {
    'node.id': subject.id,
    'node.hostname': subject.hostname,
    'node.role': subject.role,
    'node.ip': subject.ip,
    'node.platform.os': subject.os,
    'node.platform.arch': subject.architecture,
  };
  return facts[lower] ?? '';
}
