import type { SwarmInitOptions } from '../docker-api/node-control.ts';

/** What the manager of a new cluster reads before it makes it. */
export function bootstrapSettings(
  options: SwarmInitOptions,
  facts: { readonly hostname: string; readonly dataPathAddr: string | undefined },
): object {
  const { addressPools, subnetPrefixLength, dataPathPort, availability } = options;
  // JSON leaves out what is undefined.
  return { clusterName: 'default', ...facts, addressPools, subnetPrefixLength, dataPathPort, availability };
}
