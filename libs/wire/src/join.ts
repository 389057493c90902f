import { z } from 'zod';

import { ErrorRecordSchema } from './error-record.ts';
import { ManagerAddress } from './session.ts';

/** Sent on `/ca/join` (with a token) or `/ca/renew` (with a client certificate). One request, one answer, then close. */
export const CertificateRequest = z.strictObject({
  t: z.literal('certificateRequest'),
  /** `SWMTKN-1-<ca digest>-<secret>`; absent on renewal. */
  token: z.string().max(200).optional(),
  csrPem: z.string().max(16_384),
  availability: z.enum(['active', 'pause', 'drain']).optional(),
  hostname: z.string().max(255).optional(),
});
export type CertificateRequest = z.infer<typeof CertificateRequest>;

export const CertificateAnswer = z.discriminatedUnion('t', [
  z.strictObject({
    t: z.literal('certificate'),
    nodeId: z.string(),
    role: z.enum(['worker', 'manager']),
    clusterId: z.string(),
    certificatePem: z.string(),
    caPem: z.string(),
    managers: z.array(ManagerAddress).max(64),
    expiresAtMs: z.int(),
  }),
  z.strictObject({ t: z.literal('refused'), error: ErrorRecordSchema }),
]);
export type CertificateAnswer = z.infer<typeof CertificateAnswer>;
