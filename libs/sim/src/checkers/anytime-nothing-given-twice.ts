import { isTerminalState, type Service } from '@skep/model';
import type { ReadTx } from '@skep/store';

import { Violation } from './violation.ts';

type Claim = (what: string, holder: string) => void;

/** anytime_nothingGivenTwice: no address, VNI, subnet or published port has two holders. */
export function checkGivenOnce(tx: ReadTx): void {
  const holders = new Map<string, string>();
  const claim: Claim = (what, holder) => {
    const other = holders.get(what);
    if (other !== undefined && other !== holder) {
      throw new Violation('anytime_nothingGivenTwice', `${other} and ${holder} both have ${what}`);
    }
    holders.set(what, holder);
  };
  tx.list('service').forEach((service) => {
    claimOfService(service, claim);
  });
  for (const { id, status, networks } of tx.list('task')) {
    for (const { networkId, addresses } of isTerminalState(status.state) ? [] : networks) {
      addresses.forEach((address) => {
        claim(`${plain(address)} on ${networkId}`, `task ${id}`);
      });
    }
  }
  for (const { id, vni, ipam } of tx.list('network')) {
    if (vni !== undefined) {
      claim(`VNI ${String(vni)}`, `network ${id}`);
    }
    ipam?.forEach(({ subnet, gateway }) => {
      claim(`subnet ${subnet}`, `network ${id}`);
      claim(`${plain(gateway)} on ${id}`, `network ${id}`);
    });
  }
}

function claimOfService({ id, endpoint, pendingDelete }: Service, claim: Claim): void {
  for (const { networkId, address } of endpoint?.virtualIps ?? []) {
    claim(`${plain(address)} on ${networkId}`, `service ${id}`);
  }
  for (const { publishMode, publishedPort, protocol } of pendingDelete === true
    ? []
    : (endpoint?.ports ?? [])) {
    if (publishMode === 'ingress' && publishedPort !== undefined && publishedPort > 0) {
      claim(`port ${String(publishedPort)}/${protocol}`, `service ${id}`);
    }
  }
}

function plain(address: string): string {
  return address.split('/')[0] ?? address;
}
