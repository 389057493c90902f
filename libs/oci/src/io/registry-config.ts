import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { isIP, BlockList } from 'node:net';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { DEFAULT_DOMAIN } from '../core/reference.ts';

/** How registries are to be reached. */
export interface RegistryConfig {
  /** `host`, `host:port` or a network (`10.88.0.0/24`) that may be spoken to without verified TLS. Loopback always may. */
  readonly insecureRegistries?: readonly string[];
  /** Registry domain -> base URLs that are asked first, in order. */
  readonly mirrors?: Readonly<Record<string, readonly string[]>>;
  /** Domain of a registry, or host of a mirror -> further certificate authorities in PEM. */
  readonly certificateAuthorities?: Readonly<Record<string, string>>;
  /** A directory with `<host:port>/*.crt`, as Docker has it: looked at anew for each conversation. */
  readonly certificateDirectory?: string;
}

/** Whether a registry may be spoken to in plain HTTP or with an unverified certificate. */
export function isInsecureRegistry(domain: string, insecure: readonly string[]): boolean {
  const host = hostOf(domain);
  if (host === 'localhost' || insecure.includes(domain) || insecure.includes(host)) {
    return true;
  }
  const family = isIP(host);
  if (family === 0) {
    return false;
  }
  const list = new BlockList();
  list.addSubnet('127.0.0.0', 8);
  list.addAddress('::1', 'ipv6');
  for (const entry of insecure) {
    const [network = '', prefix] = entry.split('/');
    const networkFamily = isIP(network);
    if (prefix !== undefined && networkFamily !== 0 && /^\d{1,3}$/.test(prefix)) {
      list.addSubnet(network, Number(prefix), networkFamily === 6 ? 'ipv6' : 'ipv4');
    }
  }
  return list.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Certificate authorities for a registry or mirror: its own beside the public ones, because it may send us on to a
 * storage that has a public certificate. Undefined: the public ones alone.
 */
export function trustedAuthorities(host: string, config: RegistryConfig): readonly string[] | undefined {
  const { certificateAuthorities = {}, certificateDirectory } = config;
  const given = Object.hasOwn(certificateAuthorities, host) ? [certificateAuthorities[host] ?? ''] : [];
  const kept = certificateDirectory === undefined ? [] : readAuthorities(join(certificateDirectory, host));
  const own = [...given, ...kept];
  return own.length === 0 ? undefined : [...rootCertificates, ...own];
}

function readAuthorities(directory: string): string[] {
  if (!existsSync(directory)) {
    return [];
  }
  return readdirSync(directory)
    .filter((name) => name.endsWith('.crt'))
    .sort()
    .map((name) => readFileSync(join(directory, name), 'utf8'));
}

/** The host that serves a domain: Docker Hub's API lives under another name. */
export function registryHost(domain: string): string {
  return domain === DEFAULT_DOMAIN ? 'registry-1.docker.io' : domain;
}

function hostOf(domain: string): string {
  if (domain.startsWith('[')) {
    return domain.slice(1, domain.indexOf(']'));
  }
  const colon = domain.lastIndexOf(':');
  return colon === -1 ? domain : domain.slice(0, colon);
}
