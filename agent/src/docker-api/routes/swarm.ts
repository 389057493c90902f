import {
  DockerSwarmInit,
  DockerSwarmJoin,
  DockerSwarmSpec,
  DockerSwarmUnlock,
  SWARM_SENTENCES,
  clusterToDocker,
  mergeSwarmSpec,
  parseBody,
} from '@skep/docker-api';
import { SwarmError } from '@skep/kernel';

import type { DockerApiContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import type { SwarmInitOptions, SwarmJoinOptions } from '../node-control.ts';
import type { Route } from '../router.ts';
import { clusterFactsOf } from './cluster-facts.ts';
import { onManager } from './swarm-access.ts';
import { versionParameter } from './version-parameter.ts';

/** Membership of this node, and the settings of the swarm. */
export function swarmRoutes(context: DockerApiContext): Route[] {
  return [
    { method: 'GET', path: '/swarm', handle: (exchange) => inspect(context, exchange) },
    { method: 'POST', path: '/swarm/init', handle: (exchange) => init(context, exchange) },
    { method: 'POST', path: '/swarm/join', handle: (exchange) => join(context, exchange) },
    {
      method: 'POST',
      path: '/swarm/leave',
      handle: async (exchange) => {
        if ((await context.node.info()).state === 'inactive') {
          throw new SwarmError('not_manager', SWARM_SENTENCES.notInSwarm);
        }
        await context.node.leave({ force: exchange.flag('force') });
        exchange.sendEmpty(200);
      },
    },
    { method: 'POST', path: '/swarm/update', handle: (exchange) => update(context, exchange) },
    {
      method: 'GET',
      path: '/swarm/unlockkey',
      handle: async (exchange) => {
        const key = await onManager(context, { kind: 'swarm' }, (swarm) => swarm.getUnlockKey());
        exchange.sendJson(200, { UnlockKey: key ?? '' });
      },
    },
    {
      method: 'POST',
      path: '/swarm/unlock',
      handle: async (exchange) => {
        const body = parseBody(DockerSwarmUnlock, await exchange.requiredJson());
        const { state } = await context.node.info();
        if (state === 'inactive') {
          throw new SwarmError('not_manager', SWARM_SENTENCES.notInSwarm);
        }
        if (state !== 'locked') {
          throw new SwarmError('already_exists', 'swarm is not locked');
        }
        await context.node.unlock(body.UnlockKey ?? '');
        exchange.sendEmpty(200);
      },
    },
  ];
}

async function inspect(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const [cluster, tokens] = await onManager(context, { kind: 'swarm' }, (swarm) =>
    Promise.all([swarm.getCluster(), swarm.getJoinTokens()]),
  );
  exchange.sendJson(200, {
    ...clusterToDocker(clusterFactsOf(cluster)),
    JoinTokens: { Worker: tokens.worker, Manager: tokens.manager },
  });
}

type Address = Partial<
  Pick<SwarmInitOptions, 'listenAddr' | 'advertiseAddr' | 'dataPathAddr' | 'availability'>
>;

function addressesOf(body: DockerSwarmJoin): Address {
  return {
    ...(body.ListenAddr ? { listenAddr: body.ListenAddr } : {}),
    ...(body.AdvertiseAddr ? { advertiseAddr: body.AdvertiseAddr } : {}),
    ...(body.DataPathAddr ? { dataPathAddr: body.DataPathAddr } : {}),
    ...(body.Availability ? { availability: body.Availability } : {}),
  };
}

async function refuseMember({ node }: DockerApiContext): Promise<void> {
  if ((await node.info()).state !== 'inactive') {
    throw new SwarmError('not_manager', SWARM_SENTENCES.alreadyInSwarm);
  }
}

async function init(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const body = parseBody(DockerSwarmInit, await exchange.requiredJson());
  if (body.ForceNewCluster !== true) {
    await refuseMember(context);
  }
  const nodeId = await context.node.init({
    ...addressesOf(body),
    ...(body.DataPathPort ? { dataPathPort: body.DataPathPort } : {}),
    ...(body.ForceNewCluster === true ? { forceNewCluster: true } : {}),
    ...(body.DefaultAddrPool === undefined ? {} : { addressPools: body.DefaultAddrPool }),
    ...(body.SubnetSize ? { subnetPrefixLength: body.SubnetSize } : {}),
  });
  const lock = body.AutoLockManagers === true ? { EncryptionConfig: { AutoLockManagers: true } } : {};
  if (body.Spec !== undefined || body.AutoLockManagers === true) {
    await applySpec(context, { ...body.Spec, ...lock });
  }
  exchange.sendJson(200, nodeId);
}

/** Applies settings that came with init, when they change anything. */
async function applySpec(context: DockerApiContext, spec: DockerSwarmSpec): Promise<void> {
  await onManager(context, { kind: 'swarm' }, async (swarm) => {
    const cluster = await swarm.getCluster();
    const wanted = mergeSwarmSpec(cluster.spec, spec);
    if (JSON.stringify(wanted) !== JSON.stringify(mergeSwarmSpec(cluster.spec, {}))) {
      await swarm.updateCluster(wanted, cluster.version);
    }
  });
}

async function join(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const body = parseBody(DockerSwarmJoin, await exchange.requiredJson());
  await refuseMember(context);
  const remoteAddrs = (body.RemoteAddrs ?? []).filter((addr) => addr !== '');
  if (remoteAddrs.length === 0) {
    throw new SwarmError('invalid_argument', 'at least 1 RemoteAddr is required to join');
  }
  if (!body.JoinToken) {
    throw new SwarmError('invalid_argument', 'a join token is required: JoinToken must be given');
  }
  const options: SwarmJoinOptions = { ...addressesOf(body), remoteAddrs, joinToken: body.JoinToken };
  await context.node.join(options);
  exchange.sendEmpty(200);
}

async function update(context: DockerApiContext, exchange: Exchange): Promise<void> {
  const body = parseBody(DockerSwarmSpec, await exchange.requiredJson());
  const version = versionParameter(exchange, 'swarm');
  if ((body.CAConfig?.ForceRotate ?? 0) > 0) {
    throw new SwarmError('unimplemented', 'rotating the root CA is not supported through this API');
  }
  await onManager(context, { kind: 'swarm' }, async (swarm) => {
    const cluster = await swarm.getCluster();
    if (cluster.version !== version) {
      throw new SwarmError('version_conflict', SWARM_SENTENCES.outOfSequence);
    }
    for (const role of ['worker', 'manager'] as const) {
      if (exchange.flag(role === 'worker' ? 'rotateWorkerToken' : 'rotateManagerToken')) {
        await swarm.rotateJoinToken(role);
      }
    }
    if (exchange.flag('rotateManagerUnlockKey')) {
      await swarm.rotateUnlockKey();
    }
    const wanted = mergeSwarmSpec(cluster.spec, body);
    if (JSON.stringify(wanted) !== JSON.stringify(mergeSwarmSpec(cluster.spec, {}))) {
      // Rotating a token makes a new version of the cluster; the client's was checked above.
      await swarm.updateCluster(wanted, (await swarm.getCluster()).version);
    }
  });
  exchange.sendEmpty(200);
}
