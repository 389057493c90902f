import { z } from 'zod';

import { Labels, objectMetaShape } from './meta.ts';
import { PayloadName } from './name.ts';

/** A config is smaller than this many bytes (Swarm's limit). */
export const CONFIG_BYTES_MAX = 1_024_000;

export const ConfigSpec = z.strictObject({ name: PayloadName, labels: Labels.optional() });
export type ConfigSpec = z.infer<typeof ConfigSpec>;

export const Config = z.strictObject({
  ...objectMetaShape,
  spec: ConfigSpec,
  data: z.instanceof(Uint8Array),
});
export type Config = z.infer<typeof Config>;
