import { effectiveUpdateConfig, type Service } from '@skep/model';

export type RolloutPolicy = ReturnType<typeof effectiveUpdateConfig>;

export function isRollback(service: Service): boolean {
  const state = service.updateStatus?.state;
  return state === 'rollback_started' || state === 'rollback_paused';
}

/** The policy by which tasks are replaced at the moment: that of updates, or on the way back that of rollbacks. */
export function rolloutPolicy(service: Service): RolloutPolicy {
  return effectiveUpdateConfig(isRollback(service) ? service.spec.rollback : service.spec.update);
}
