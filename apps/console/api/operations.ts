import type { Operation } from '@skep/contract';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * Method and path of the operations this console uses. A copy of the contract's table, because that one brings its
 * schemas along (90 KB); `operations.test.ts` holds the two together.
 */
export const OPERATIONS = {
  getBootstrap: ['GET', '/bootstrap'],
  setUp: ['POST', '/bootstrap/setup'],
  signIn: ['POST', '/session'],
  signOut: ['DELETE', '/session'],
  getMe: ['GET', '/me'],
  updateMe: ['PATCH', '/me'],
  getRaft: ['GET', '/cluster/raft'],
  getJoinTokens: ['GET', '/cluster/join-tokens'],
  rotateJoinToken: ['POST', '/cluster/join-tokens/rotate'],
  patchNode: ['PATCH', '/nodes/:node'],
  removeNode: ['DELETE', '/nodes/:node'],
  promoteNode: ['POST', '/nodes/:node/promote'],
  demoteNode: ['POST', '/nodes/:node/demote'],
  createService: ['POST', '/services'],
  putService: ['PUT', '/services/:service'],
  patchService: ['PATCH', '/services/:service'],
  removeService: ['DELETE', '/services/:service'],
  scaleService: ['POST', '/services/:service/scale'],
  rollbackService: ['POST', '/services/:service/rollback'],
  restartService: ['POST', '/services/:service/restart'],
  listServiceRevisions: ['GET', '/services/:service/revisions'],
  createPlan: ['POST', '/plan'],
  deployStack: ['PUT', '/stacks/:stack'],
  planStack: ['POST', '/stacks/:stack/plan'],
  getStackSource: ['GET', '/stacks/:stack/source'],
  removeStack: ['DELETE', '/stacks/:stack'],
  createNetwork: ['POST', '/networks'],
  removeNetwork: ['DELETE', '/networks/:network'],
  createSecret: ['POST', '/secrets'],
  removeSecret: ['DELETE', '/secrets/:secret'],
  createConfig: ['POST', '/configs'],
  getConfig: ['GET', '/configs/:config'],
  removeConfig: ['DELETE', '/configs/:config'],
  listEvents: ['GET', '/events'],
  listAudit: ['GET', '/audit'],
  listTokens: ['GET', '/tokens'],
  createToken: ['POST', '/tokens'],
  removeToken: ['DELETE', '/tokens/:token'],
} as const satisfies Partial<Record<Operation, readonly [Method, string]>>;

export type UsedOperation = keyof typeof OPERATIONS;
