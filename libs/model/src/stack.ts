import { z } from 'zod';

import { objectMetaShape } from './meta.ts';
import { ObjectName } from './name.ts';

/** A stack: the YAML that people wrote, kept word for word, one revision after another. */
export const Stack = z.strictObject({
  ...objectMetaShape,
  name: ObjectName,
  revision: z.int().positive(),
  /** The text as it was given; absent for stacks deployed by clients that send objects only (docker CLI). */
  source: z.string().optional(),
  /** Values of `${VARIABLES}` at the last deploy. */
  variables: z.record(z.string(), z.string()).optional(),
  deployedBy: z.string(),
  message: z.string().optional(),
});
export type Stack = z.infer<typeof Stack>;
