import { SwarmError } from '@skep/kernel';
import { isPredefinedNetwork, type Service, type ServiceSpec } from '@skep/model';

import { KIND_TITLES, titleOf, type Kind } from './objects.ts';
import type { Touch } from './overlay.ts';
import type { ReadTx } from './tx.ts';

type ReferredKind = 'network' | 'secret' | 'config';

/** Ids of what a service needs of each kind; none when it is being removed. */
function referencesOf(service: Service, kind: ReferredKind): readonly string[] {
  return service.pendingDelete === true ? [] : referencesOfSpec(service.spec, kind);
}

function referencesOfSpec(spec: ServiceSpec, kind: ReferredKind): readonly string[] {
  const { networks, container } = spec.task;
  switch (kind) {
    case 'network':
      return (networks ?? []).map(({ target }) => target).filter((target) => !isPredefinedNetwork(target));
    case 'secret':
      return (container.secrets ?? []).map(({ secretId }) => secretId);
    case 'config':
      return (container.configs ?? []).map(({ configId }) => configId);
  }
}

/** The services that need an object of a kind. */
export function servicesThatNeed(tx: ReadTx, kind: ReferredKind, id: string): Service[] {
  return tx.list('service').filter((service) => referencesOf(service, kind).includes(id));
}

const REFERRED_KINDS: readonly ReferredKind[] = ['network', 'secret', 'config'];

/**
 * Checks, once all of an entry is in the overlay, that no service came to need what is gone, and that nothing went that a
 * service needs. Both were true when they were planned; a service that is made and a network that is removed at the same
 * time touch different objects, so that no version tells.
 * @throws SwarmError `version_conflict`: planned anew, the change is refused with the proper reason.
 */
export function assertReferences(tx: ReadTx, touches: Iterable<Touch>): void {
  for (const { kind, id, base, next } of touches) {
    if (kind === 'service') {
      assertReferredAreThere(tx, base as Service | undefined, next as Service | undefined);
    } else if (isReferred(kind) && base !== undefined && isGone(next) && !isGone(base)) {
      const [user] = servicesThatNeed(tx, kind, id);
      if (user !== undefined) {
        throw conflict(`${KIND_TITLES[kind]} ${id} came into use by service ${user.spec.name}`);
      }
    }
  }
}

function assertReferredAreThere(tx: ReadTx, base: Service | undefined, next: Service | undefined): void {
  if (next === undefined || next.spec === base?.spec) {
    return;
  }
  for (const kind of REFERRED_KINDS) {
    // A rollback takes what the former version needed, be it there or not: it must never be refused.
    const former = [base?.spec, base?.previousSpec].flatMap((spec) =>
      spec === undefined ? [] : referencesOfSpec(spec, kind),
    );
    const gone = referencesOf(next, kind).find((id) => !former.includes(id) && isGone(tx.get(kind, id)));
    if (gone !== undefined) {
      throw conflict(`${KIND_TITLES[kind]} ${gone} of service ${titleOf('service', next)} was removed`);
    }
  }
}

function isReferred(kind: Kind): kind is ReferredKind {
  return (REFERRED_KINDS as readonly Kind[]).includes(kind);
}

function isGone(object: object | undefined): boolean {
  return object === undefined || ('pendingDelete' in object && object.pendingDelete === true);
}

function conflict(message: string): SwarmError {
  return new SwarmError('version_conflict', message);
}
