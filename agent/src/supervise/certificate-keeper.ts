import type { Logger } from 'pino';

import { errorMessage } from '@skep/kernel';

import { newKeyAndRequest, renewCertificate, type IssuedIdentity } from '../worker/certificate-client.ts';
import { certificateTimes, type IdentityStore } from '../worker/identity-store.ts';

const CHECK_MS = 60_000;

export interface CertificateKeeperOptions {
  readonly identity: IdentityStore;
  readonly hostname: string;
  /** Addresses of the managers, as they are now. */
  readonly managers: () => readonly string[];
  readonly log: Logger;
}

/** Renews this node's certificate when half of its life is over, with a new key each time. */
export class CertificateKeeper {
  readonly #options: CertificateKeeperOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CertificateKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      void this.#renewWhenDue();
    }, CHECK_MS);
    void this.#renewWhenDue();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Renews now; the role in the new certificate is what the managers have decided. */
  async renew(): Promise<IssuedIdentity> {
    const { identity, hostname, managers, log } = this.#options;
    const tls = await identity.readTls();
    const { keyPem, csrPem } = await newKeyAndRequest();
    const issued = await renewCertificate(managers(), tls, { csrPem, hostname });
    await identity.writeTls({ certificatePem: issued.certificatePem, caPem: issued.caPem, keyPem });
    log.info({ role: issued.role, expiresAtMs: issued.expiresAtMs }, 'certificate was renewed');
    return issued;
  }

  async #renewWhenDue(): Promise<void> {
    try {
      const { certificatePem } = await this.#options.identity.readTls();
      const { fromMs, toMs } = certificateTimes(certificatePem);
      if (Date.now() > fromMs + (toMs - fromMs) / 2) {
        await this.renew();
      }
    } catch (error) {
      this.#options.log.warn({ err: errorMessage(error) }, 'certificate was not renewed');
    }
  }
}
