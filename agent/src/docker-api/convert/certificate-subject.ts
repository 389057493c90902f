import { SwarmError } from '@skep/kernel';

interface DerValue {
  readonly tag: number;
  readonly contentStart: number;
  readonly end: number;
}

/** Tag and extent of the value at `offset` (X.690: definite lengths only, as DER has it). */
function readDer(bytes: Uint8Array, offset: number): DerValue {
  const tag = bytes[offset] ?? 0;
  const first = bytes[offset + 1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  let length = lengthBytes === 0 ? first : 0;
  for (let i = 0; i < lengthBytes; i += 1) {
    length = length * 256 + (bytes[offset + 2 + i] ?? 0);
  }
  const contentStart = offset + 2 + lengthBytes;
  const end = contentStart + length;
  if (lengthBytes > 4 || end > bytes.length) {
    throw new SwarmError('data_loss', 'the certificate is not valid DER');
  }
  return { tag, contentStart, end };
}

const EXPLICIT_VERSION_TAG = 0xa0;

/** The subject of an X.509 certificate as DER (RFC 5280 section 4.1: the sixth part of the TBSCertificate). */
export function subjectOfCertificate(der: Uint8Array): Uint8Array {
  const tbs = readDer(der, readDer(der, 0).contentStart);
  let offset = tbs.contentStart;
  if (readDer(der, offset).tag === EXPLICIT_VERSION_TAG) {
    offset = readDer(der, offset).end;
  }
  // serial number, signature algorithm, issuer, validity
  for (let i = 0; i < 4; i += 1) {
    offset = readDer(der, offset).end;
  }
  return der.subarray(offset, readDer(der, offset).end);
}
