import { z } from 'zod';

/** What every stored object carries. Times are milliseconds since the epoch, made by the proposer of the change. */
export const objectMetaShape = {
  id: z.string(),
  /** Raft log index of the last change: the optimistic lock of updates and Docker's `Version.Index`. */
  version: z.int().nonnegative(),
  createdAtMs: z.int().nonnegative(),
  updatedAtMs: z.int().nonnegative(),
};

export const ObjectMeta = z.strictObject(objectMetaShape);
export type ObjectMeta = z.infer<typeof ObjectMeta>;

export const Labels = z.record(z.string().min(1).max(1024), z.string().max(65_536));
export type Labels = z.infer<typeof Labels>;

/** Largest number of nanoseconds that a duration field accepts: 100 days, exact as a JSON number. */
const DURATION_NS_MAX = 100 * 86_400 * 1_000_000_000;

/** A duration in whole nanoseconds, as Docker's API carries it. */
export const DurationNs = z.int().min(0).max(DURATION_NS_MAX);
