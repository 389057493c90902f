import { X509Certificate } from 'node:crypto';

import type { ClusterView } from '@skep/contract';
import type { ClusterFacts, DockerTlsInfo } from '@skep/docker-api';

import { subjectOfCertificate } from '../convert/certificate-subject.ts';

let last: { readonly pem: string; readonly info: DockerTlsInfo } | undefined;

/** The cluster's CA as Docker shows it. Remembered for one certificate: node lists ask for it once per node. */
export function tlsInfoOf(certificatePem: string): DockerTlsInfo {
  if (last?.pem !== certificatePem) {
    last = { pem: certificatePem, info: readTlsInfo(certificatePem) };
  }
  return last.info;
}

function readTlsInfo(certificatePem: string): DockerTlsInfo {
  try {
    const certificate = new X509Certificate(certificatePem);
    const subject = subjectOfCertificate(certificate.raw);
    const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
    return {
      TrustRoot: certificatePem,
      CertIssuerSubject: Buffer.from(subject).toString('base64'),
      CertIssuerPublicKey: key.toString('base64'),
    };
  } catch {
    // A certificate that cannot be read is shown as it is; nothing depends on the other two.
    return { TrustRoot: certificatePem };
  }
}

export function clusterFactsOf(cluster: ClusterView): ClusterFacts {
  return {
    id: cluster.id,
    version: cluster.version,
    createdAtMs: cluster.createdAtMs,
    updatedAtMs: cluster.updatedAtMs,
    spec: cluster.spec,
    tls: tlsInfoOf(cluster.ca.certificatePem),
    addressPools: cluster.addressPools,
    subnetPrefixLength: cluster.subnetPrefixLength,
    dataPathPort: cluster.dataPathPort,
  };
}
