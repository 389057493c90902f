import { createClient } from '@skep/contract';

import { contractGateway } from './contract-gateway.ts';
import { managerLogs } from './manager-logs.ts';
import { connectManager } from './manager-transport.ts';
import type { SwarmGateway } from './swarm-gateway.ts';

/** The gateway of a running swarmd, and what lets go of its connections. */
export interface ManagerGateway {
  readonly gateway: SwarmGateway;
  close(): Promise<void>;
}

/** The swarm through the manager of this host. It need not run yet: each call says `unavailable` until it does. */
export function managerGateway(managerSocketPath: string): ManagerGateway {
  const connection = connectManager(managerSocketPath);
  return {
    gateway: contractGateway(createClient(connection.transport), managerLogs(managerSocketPath)),
    close: () => connection.close(),
  };
}
