import { z } from 'zod';

import { ERROR_CODES } from '@skep/kernel';

/** Wire form of kernel's ErrorRecord. */
export const ErrorRecordSchema = z.strictObject({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  temporary: z.boolean(),
  fields: z.array(z.strictObject({ path: z.string(), code: z.string(), message: z.string() })).optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});
