import { z } from 'zod';

import { Labels, objectMetaShape } from './meta.ts';
import { PayloadName } from './name.ts';

/** A secret is smaller than this many bytes (Swarm's limit). */
export const SECRET_BYTES_MAX = 512_000;

export const SecretSpec = z.strictObject({ name: PayloadName, labels: Labels.optional() });
export type SecretSpec = z.infer<typeof SecretSpec>;

/** A secret as stored. The data leaves the managers only to the nodes whose tasks use it; no API returns it. */
export const Secret = z.strictObject({
  ...objectMetaShape,
  spec: SecretSpec,
  data: z.instanceof(Uint8Array),
});
export type Secret = z.infer<typeof Secret>;
