import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** A certificate authority of a test and one certificate for a server, all files in PEM. */
export interface TestCertificates {
  readonly authorityFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Makes them with openssl in a directory, under names that begin with `name`; for the addresses that are given. */
export function makeCertificates(
  directory: string,
  name: string,
  addresses: readonly string[] = ['127.0.0.1', '0.0.0.0'],
): TestCertificates {
  const path = (what: string): string => join(directory, `${name}-${what}`);
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    ...['req', '-x509', ...key, '-days', '2', '-subj', `/CN=${name} authority`],
    ...['-keyout', path('authority.key'), '-out', path('authority.crt')],
  );
  openssl(
    ...['req', '-x509', ...key, '-days', '2', '-subj', `/CN=${name}`],
    ...[
      '-addext',
      `subjectAltName=${addresses.map((ip) => `IP:${ip}`).join()}`,
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    ],
    ...['-CA', path('authority.crt'), '-CAkey', path('authority.key')],
    ...['-keyout', path('server.key'), '-out', path('server.crt')],
  );
  return {
    authorityFile: path('authority.crt'),
    certificateFile: path('server.crt'),
    keyFile: path('server.key'),
  };
}
