import {
  DEFAULT_STOP_GRACE_NS,
  effectiveRestartPolicy,
  effectiveUpdateConfig,
  type ServiceSpec,
  type UpdateConfig,
} from '@skep/model';

/**
 * A spec with Swarm's defaults filled in where it says nothing, for `GET /services/{id}?insertDefaults=true`.
 * The stored spec stays as the user wrote it.
 */
export function withServiceDefaults(spec: ServiceSpec): ServiceSpec {
  const { task } = spec;
  const restart = effectiveRestartPolicy(task.restart);
  return {
    ...spec,
    task: {
      ...task,
      container: {
        ...task.container,
        stopGracePeriodNs: task.container.stopGracePeriodNs ?? DEFAULT_STOP_GRACE_NS,
        dns: task.container.dns ?? {},
      },
      resources: {
        limits: task.resources?.limits ?? {},
        reservations: task.resources?.reservations ?? {},
      },
      restart: {
        ...task.restart,
        condition: restart.condition,
        delayNs: restart.delayNs,
        maxAttempts: restart.maxAttempts,
      },
      placement: task.placement ?? {},
    },
    update: updateWithDefaults(spec.update),
    rollback: updateWithDefaults(spec.rollback),
    endpoint: spec.endpoint ?? { mode: 'vip' },
  };
}

function updateWithDefaults(config: UpdateConfig | undefined): UpdateConfig {
  const effective = effectiveUpdateConfig(config);
  return config === undefined ? effective : { ...config, monitorNs: effective.monitorNs };
}
