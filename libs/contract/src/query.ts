import { z } from 'zod';

/** A name, an id, or an unambiguous beginning of an id. */
export const Ref = z.string().min(1).max(256);

/** A query parameter that may be given more than once: `?name=a&name=b`. */
export const QueryList = z
  .union([z.string(), z.array(z.string()).max(1000)])
  .transform((value) => (typeof value === 'string' ? [value] : value));

/** `true`, `false`, `1` or `0`; a bare `?force` counts as true. */
export const QueryFlag = z
  .union([z.boolean(), z.enum(['true', 'false', '1', '0', ''])])
  .transform((value) => value === true || value === 'true' || value === '1' || value === '');

/** A whole number, in a query as text. */
export function queryInt(min: number, max: number): z.ZodType<number, number | string> {
  return z
    .union([z.number(), z.string().regex(/^-?\d+$/, 'must be a whole number')])
    .transform(Number)
    .pipe(z.int().min(min).max(max));
}

/** Log index the change was made against; `If-Match` says the same. Refused with `version_conflict` when it moved on. */
export const Version = queryInt(0, Number.MAX_SAFE_INTEGER);

/** Parameters of every list. Filters of one kind are alternatives; different kinds must all hold. */
export const listShape = {
  /** Ids, or beginnings of ids. */
  id: QueryList.optional(),
  /** Names, or beginnings of names (as Docker's `name` filter); `=<name>` for exactly that name. */
  name: QueryList.optional(),
  /** `key` or `key=value`. */
  label: QueryList.optional(),
  /** Free text: part of the name or the beginning of the id. */
  q: z.string().max(256).optional(),
  limit: queryInt(1, 10_000).optional(),
  cursor: z.string().max(256).optional(),
};

/** One page of a list, with the log index it shows and the cursor of the next page. */
export function page<T extends z.ZodType>(
  item: T,
): z.ZodObject<{
  items: z.ZodArray<T>;
  rev: z.ZodInt;
  next: z.ZodOptional<z.ZodString>;
}> {
  return z.object({ items: z.array(item), rev: z.int(), next: z.string().optional() });
}

/** Answer of a change: the log index it got, and the object as it is after it. */
export function changed<T extends z.ZodType>(
  item: T,
): z.ZodObject<{
  rev: z.ZodInt;
  item: T;
  warnings: z.ZodOptional<z.ZodArray<z.ZodString>>;
}> {
  return z.object({ rev: z.int(), item, warnings: z.array(z.string()).optional() });
}

/** Answer of a removal. */
export const Removed = z.object({ rev: z.int() });
export type Removed = z.infer<typeof Removed>;
