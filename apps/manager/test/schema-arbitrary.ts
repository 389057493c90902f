import fc from 'fast-check';
import { z } from 'zod';

type Json = Readonly<Record<string, unknown>>;

/** Values that no schema asks for, put in the place of one that it does. */
const WRONG = fc.constantFrom<unknown>(
  null,
  true,
  -1,
  0.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  '',
  ' ',
  '\u0000',
  '../../etc/passwd',
  '${HOME}',
  'é'.repeat(300),
  [],
  [[[]]],
  {},
  { toString: 1 },
);

/** Names and values as people write them, so that what is generated is often taken. */
const WORDS = fc.constantFrom(
  'web',
  'db',
  'nginx:1.27',
  'busybox',
  'node.role==worker',
  'node.labels.x != y',
  'A=1',
  '/data',
  '10s',
  '10.9.0.0/24',
  'overlay',
  'c2VjcmV0',
  'services: {a: {image: x}}',
);

/**
 * JSON that a schema would mostly take, with now and then a field that is missing, unknown or of the wrong kind. For
 * fuzzing: the interesting values are the ones next to the valid ones.
 */
export function bodyOf(schema: z.ZodType): fc.Arbitrary<unknown> {
  const { $defs, ...root } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json & {
    readonly $defs?: Readonly<Record<string, Json>>;
  };
  return arbitraryOf(root, { defs: $defs ?? {}, depth: 0 });
}

interface Context {
  readonly defs: Readonly<Record<string, Json>>;
  readonly depth: number;
}

const DEPTH_MAX = 8;

function arbitraryOf(schema: Json, context: Context): fc.Arbitrary<unknown> {
  const inner = { ...context, depth: context.depth + 1 };
  const right = context.depth > DEPTH_MAX ? WRONG : rightOf(schema, inner);
  return fc.oneof({ arbitrary: right, weight: 30 }, { arbitrary: WRONG, weight: 1 });
}

function rightOf(schema: Json, context: Context): fc.Arbitrary<unknown> {
  if (typeof schema['$ref'] === 'string') {
    return arbitraryOf(context.defs[schema['$ref'].replace('#/$defs/', '')] ?? {}, context);
  }
  const choices = (schema['anyOf'] ?? schema['oneOf']) as readonly Json[] | undefined;
  if (choices !== undefined) {
    return fc.oneof(...choices.map((choice) => arbitraryOf(choice, context)));
  }
  if (schema['const'] !== undefined) {
    return fc.constant(schema['const']);
  }
  if (Array.isArray(schema['enum'])) {
    return fc.constantFrom(...(schema['enum'] as unknown[]));
  }
  switch (schema['type']) {
    case 'object':
      return objectOf(schema, context);
    case 'array':
      return fc.array(arbitraryOf((schema['items'] ?? {}) as Json, context), { maxLength: 3 });
    case 'string':
      return fc.oneof(WORDS, fc.string({ maxLength: 12, unit: 'binary' }));
    case 'integer':
    case 'number':
      return fc.oneof(
        fc.integer({ min: numberOf(schema['minimum'], 0), max: numberOf(schema['maximum'], 70_000) }),
        fc.constantFrom(schema['minimum'] ?? 0, schema['maximum'] ?? 0, -1),
      );
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return fc.oneof(WRONG, WORDS);
  }
}

function numberOf(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Math.abs(value) < 2 ** 31 ? value : otherwise;
}

function objectOf(schema: Json, context: Context): fc.Arbitrary<unknown> {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Json>>;
  const required = new Set((schema['required'] ?? []) as readonly string[]);
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [
      name,
      fc.option(arbitraryOf(field, context), { nil: undefined, freq: required.has(name) ? 40 : 1 }),
    ]),
  );
  const known = fc.record(fields) as fc.Arbitrary<Record<string, unknown>>;
  const extra = schema['additionalProperties'];
  if (typeof extra === 'object' && extra !== null) {
    return fc.dictionary(fc.oneof(WORDS, fc.constant('__proto__')), arbitraryOf(extra as Json, context), {
      maxKeys: 3,
    });
  }
  return fc.oneof(
    { arbitrary: known, weight: 30 },
    { arbitrary: known.map((value) => ({ ...value, unheardOf: 1 })), weight: 1 },
  );
}
