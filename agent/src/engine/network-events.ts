import type { ContainerRecord } from './container-record.ts';
import type { EventBus } from './event-bus.ts';
import type { AttachedInterface } from './network-provider.ts';

/** Tells that a container has joined or left networks. */
export function publishNetworkEvents(
  events: EventBus,
  container: Pick<ContainerRecord, 'id'>,
  change: { readonly action: 'connect' | 'disconnect'; readonly interfaces: readonly AttachedInterface[] },
): void {
  for (const { networkId, networkName, driver = 'bridge' } of change.interfaces) {
    events.publish({
      kind: 'network',
      action: change.action,
      actorId: networkId,
      attributes: { container: container.id, name: networkName, type: driver },
    });
  }
}
