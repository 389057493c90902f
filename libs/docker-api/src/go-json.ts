import type { z } from 'zod';

/**
 * What a zod schema tells of itself, as far as it matters here. zod's own types for this are per class; the fields are
 * those of `schema.def` (zod 4).
 */
interface SchemaFacts {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly in?: z.ZodType;
}

/** Property names of an object schema by their lower-case form. */
const namesBySchema = new WeakMap<object, ReadonlyMap<string, string>>();

function factsOf(schema: z.ZodType): SchemaFacts {
  return schema.def;
}

function namesOf(shape: Readonly<Record<string, z.ZodType>>): ReadonlyMap<string, string> {
  const known = namesBySchema.get(shape);
  if (known !== undefined) {
    return known;
  }
  const names = new Map(Object.keys(shape).map((name) => [name.toLowerCase(), name]));
  namesBySchema.set(shape, names);
  return names;
}

/**
 * Reads JSON as Go's `encoding/json` would read it into the type that `schema` stands for: names of properties are
 * matched without regard to case (docker-py sends `replicated`), and null is the same as absent, except as a value in
 * a map from names, where the name with nothing to it still counts.
 */
export function readAsGo(schema: z.ZodType | undefined, value: unknown): unknown {
  if (Array.isArray(value)) {
    const element = schema === undefined ? undefined : unwrap(schema, 'array')?.element;
    return value.map((item) => readAsGo(element, item));
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) {
    return value;
  }
  const facts = schema === undefined ? undefined : (unwrap(schema, 'object') ?? unwrap(schema, 'record'));
  if (facts?.type === 'record') {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(entries.map(([key, item]) => [key, readAsGo(facts.valueType, item)]));
  }
  return readObject(facts?.shape ?? {}, value);
}

function readObject(shape: Readonly<Record<string, z.ZodType>>, value: object): object {
  const names = namesOf(shape);
  const kept: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const name = Object.hasOwn(shape, key) ? key : (names.get(key.toLowerCase()) ?? key);
    const isExact = name === key;
    if (item !== null && item !== undefined && (isExact || !Object.hasOwn(value, name))) {
      // Assigned by definition: a key such as __proto__ is data here.
      Object.defineProperty(kept, name, {
        value: readAsGo(Object.hasOwn(shape, name) ? shape[name] : undefined, item),
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
  }
  return kept;
}

/** The schema of the wanted kind beneath optional, nullable, piped and alternative ones. */
function unwrap(schema: z.ZodType, wanted: string): SchemaFacts | undefined {
  const facts = factsOf(schema);
  if (facts.type === wanted) {
    return facts;
  }
  const inner = [facts.innerType, facts.in, ...(facts.options ?? [])];
  for (const one of inner) {
    const found = one === undefined ? undefined : unwrap(one, wanted);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}
