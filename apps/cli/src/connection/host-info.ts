import type { Connection } from './connection.ts';

/** What swarmd tells of its host. Outside of a cluster much is empty. */
export interface HostInfo {
  readonly version?: string;
  readonly hostname?: string;
  readonly state?: string;
  readonly role?: string;
  readonly nodeId?: string;
  readonly nodeAddr?: string;
  readonly error?: string;
  readonly managers?: readonly { readonly nodeId: string; readonly addr: string }[];
}

/** Asks swarmd of this host what it is. */
export async function hostInfo(connection: Connection): Promise<HostInfo> {
  return (await connection.local('GET', '/local/v1/info')) as HostInfo;
}
