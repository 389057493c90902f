import { SwarmError } from '@skep/kernel';

import { KIND_TITLES, titleOf, type Kind } from './objects.ts';
import type { AnyObject } from './state.ts';

/** The refusal of an object that wants what `holder` has, in Swarm's words where Swarm has any. */
export function claimConflict(
  claim: string,
  wanting: { readonly kind: Kind; readonly object: AnyObject },
  holder: AnyObject | undefined,
): SwarmError {
  const [type, , detail = ''] = claim.split('/');
  const title = titleOf(wanting.kind, wanting.object);
  const holderName = holder === undefined ? '' : titleOf('service', holder as never);
  switch (type) {
    case 'name':
      return nameConflict(wanting.kind, title);
    case 'port':
      return new SwarmError(
        'invalid_argument',
        `port '${detail}' is already in use by service '${holderName}' (${holder?.id ?? ''}) as an ingress port`,
        { details: { port: Number(detail), serviceId: holder?.id ?? '', serviceName: holderName } },
      );
    case 'ingress-network':
      return new SwarmError('already_exists', `ingress network (${holderName}) is already present`);
    case 'cluster':
      return new SwarmError('already_exists', 'the cluster object is there already');
    default:
      return new SwarmError(
        'version_conflict',
        `${KIND_TITLES[wanting.kind]} ${title} wants ${claim}, which is in use by ${holder?.id ?? 'another object'}`,
      );
  }
}

function nameConflict(kind: Kind, name: string): SwarmError {
  const messages: Partial<Record<Kind, string>> = {
    network: `network with name ${name} already exists`,
    secret: `secret ${name} already exists`,
    config: `config ${name} already exists`,
  };
  const general = `name conflicts with an existing object: ${KIND_TITLES[kind]} ${name} already exists`;
  return new SwarmError('name_conflict', messages[kind] ?? general, { details: { kind, name } });
}
