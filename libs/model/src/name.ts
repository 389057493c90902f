import { z } from 'zod';

const NAME_PATTERN = /^[a-zA-Z0-9](?:[-_.]?[a-zA-Z0-9])*$/;
const NAME_LENGTH_MAX = 63;

/** Name of a service, network, stack or node label target: usable as a DNS label, as in Swarm. */
export const ObjectName = z
  .string()
  .min(1, 'name must be provided')
  .max(NAME_LENGTH_MAX, 'name must be 63 characters or fewer')
  .regex(NAME_PATTERN, 'name must be letters, digits and single - _ . between them');

const PAYLOAD_NAME_PATTERN = /^[a-zA-Z0-9]+(?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?$/;

/** Name of a secret or config: up to 64 characters. */
export const PayloadName = z
  .string()
  .min(1, 'name must be provided')
  .max(64, 'name must be 64 characters or fewer')
  .regex(
    PAYLOAD_NAME_PATTERN,
    'name must be letters, digits, - _ . and begin and end with a letter or digit',
  );
