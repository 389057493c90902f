import { z } from 'zod';

/** Smallest memory limit the kernel can start a container with (Docker's own floor: 6 MiB for limits, 4 MiB in Swarm). */
export const MEMORY_BYTES_MIN = 4 * 1024 * 1024;

const MemoryBytes = z
  .int()
  .nonnegative()
  .refine((bytes) => bytes === 0 || bytes >= MEMORY_BYTES_MIN, 'must be 0 or at least 4MiB');

const NanoCpus = z
  .int()
  .nonnegative()
  .refine((nanos) => nanos === 0 || nanos >= 1_000_000, 'must be 0 or at least 0.001 CPU');

export const GenericResource = z.strictObject({
  kind: z.string().min(1),
  /** A count, or the name of one particular piece. */
  value: z.union([z.int().nonnegative(), z.string().min(1)]),
});
export type GenericResource = z.infer<typeof GenericResource>;

export const ResourceLimits = z.strictObject({
  nanoCpus: NanoCpus.optional(),
  memoryBytes: MemoryBytes.optional(),
  pids: z.int().nonnegative().optional(),
});

export const ResourceReservations = z.strictObject({
  nanoCpus: NanoCpus.optional(),
  memoryBytes: MemoryBytes.optional(),
  generic: z.array(GenericResource).max(256).optional(),
});

export const ResourceRequirements = z.strictObject({
  limits: ResourceLimits.optional(),
  reservations: ResourceReservations.optional(),
});
export type ResourceRequirements = z.infer<typeof ResourceRequirements>;
