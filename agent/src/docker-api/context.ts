import type { Logger } from 'pino';

import type { EngineApi } from '../engine/engine-api.ts';
import type { NetworkApi } from '../network/network-api.ts';
import type { NodeControl } from './node-control.ts';
import type { SwarmGateway } from './swarm-gateway.ts';

/** What the product says of itself in `/version` and `/info`. */
export interface ProductVersions {
  /** Version of this build, `0.1.0`. */
  readonly product: string;
  readonly gitCommit?: string;
  /** RFC 3339. */
  readonly buildTime?: string;
}

/** Everything the routes work with. */
export interface DockerApiContext {
  readonly engine: EngineApi;
  readonly networks: NetworkApi;
  readonly swarm: SwarmGateway;
  readonly node: NodeControl;
  readonly log: Logger;
  readonly versions: ProductVersions;
}
