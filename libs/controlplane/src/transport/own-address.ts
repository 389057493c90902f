import { isIP } from 'node:net';

/**
 * Notices that this host's address has changed. Only an advertised address that was one of this host's own is followed:
 * one that never was (NAT, a load balancer, a name) is the administrator's business.
 */
export class OwnAddress {
  #addr: string;
  #wasOwn = false;

  constructor(addr: string) {
    this.#addr = addr;
  }

  /** The address that is advertised from now on. */
  set(addr: string): void {
    this.#addr = addr;
    this.#wasOwn = false;
  }

  /**
   * Looks at the host's addresses; the answer is the new `host:port` once the advertised one is gone and `localAddress`,
   * the near end of a connection to another manager, shows what took its place.
   */
  look(listed: readonly string[], localAddress: string | undefined): string | undefined {
    const at = this.#addr.lastIndexOf(':');
    const host = this.#addr.slice(0, at).replace(/^\[|\]$/g, '');
    if (isIP(host) === 0 || listed.includes(host)) {
      this.#wasOwn = isIP(host) !== 0;
      return undefined;
    }
    if (!this.#wasOwn || localAddress === undefined || !listed.includes(localAddress)) {
      return undefined;
    }
    const port = this.#addr.slice(at + 1);
    return `${isIP(localAddress) === 6 ? `[${localAddress}]` : localAddress}:${port}`;
  }
}
