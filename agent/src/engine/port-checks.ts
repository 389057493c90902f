import { fail, ok, type Result } from '@skep/kernel';
import type { PortPublication } from './network-provider.ts';

const PORT_MAX = 65_535;

/** Checks the numbers of port publications; the provider checks whether the ports are free. */
export function parsePublications(
  publications: readonly PortPublication[],
): Result<readonly PortPublication[]> {
  for (const publication of publications) {
    const { containerPort, hostPort = 0, hostPortEnd = hostPort } = publication;
    const isPort = (value: number, min: number): boolean =>
      Number.isInteger(value) && value >= min && value <= PORT_MAX;
    if (
      !isPort(containerPort, 1) ||
      !isPort(hostPort, 0) ||
      !isPort(hostPortEnd, 0) ||
      hostPortEnd < hostPort
    ) {
      return fail(
        'invalid_argument',
        `invalid port specification: ${String(hostPort)}-${String(hostPortEnd)}:${String(containerPort)}/${publication.protocol}`,
      );
    }
  }
  return ok(publications);
}
