import * as dnsPacket from 'dns-packet';

import type { DnsDecision, DnsQuestion } from './dns-answer.ts';

/** A query that could be read. */
export interface DnsQuery {
  readonly question: DnsQuestion;
  readonly packet: dnsPacket.DecodedPacket;
  /** Bytes the client takes over UDP: 512, or what its EDNS record says (RFC 6891). */
  readonly udpBytesMax: number;
}

/** Response codes of RFC 1035 4.1.1. */
export const RCODE = { ok: 0, formatError: 1, serverFailure: 2, notImplemented: 4 } as const;

const UDP_BYTES_DEFAULT = 512;
const UDP_BYTES_MAX = 4096;
/** No answer of ours is kept by anyone: an address may be another task's a second later. */
const TTL_SECONDS = 0;

/** Reads a query with one question; undefined when it is not one. */
export function readQuery(message: Buffer): DnsQuery | undefined {
  let packet: dnsPacket.DecodedPacket;
  try {
    packet = dnsPacket.decode(message);
  } catch {
    return undefined;
  }
  const [question, ...more] = packet.questions ?? [];
  if (packet.type !== 'query' || question === undefined || more.length > 0) {
    return undefined;
  }
  const edns = packet.additionals?.find((record) => record.type === 'OPT');
  const wanted = edns?.udpPayloadSize ?? UDP_BYTES_DEFAULT;
  return {
    question: { name: question.name, type: question.type },
    packet,
    udpBytesMax: Math.min(Math.max(wanted, UDP_BYTES_DEFAULT), UDP_BYTES_MAX),
  };
}

/** The answer to a name of ours. When it does not fit `bytesMax`, it is cut and says so, and the client asks by TCP. */
export function writeAnswer(
  query: DnsQuery,
  decision: Exclude<DnsDecision, { type: 'forward' }>,
  bytesMax: number,
): Buffer {
  const { name } = query.question;
  const answers: dnsPacket.Answer[] =
    decision.type === 'pointer'
      ? [{ type: 'PTR', name, ttl: TTL_SECONDS, data: decision.name }]
      : decision.addresses.map((address) => ({
          type: address.includes(':') ? 'AAAA' : 'A',
          name,
          ttl: TTL_SECONDS,
          data: address,
        }));
  const full = encode(query, RCODE.ok, answers, false);
  if (full.length <= bytesMax) {
    return full;
  }
  // Each address record takes at most name (compressed to 2 bytes, but not by this encoder) plus 14 or 26 bytes.
  const perRecord = Buffer.byteLength(name) + 2 + (query.question.type === 'AAAA' ? 26 : 14);
  const room = Math.max(0, Math.floor((bytesMax - encode(query, RCODE.ok, [], true).length) / perRecord));
  return encode(query, RCODE.ok, answers.slice(0, room), true);
}

/** An answer without records. */
export function writeFailure(query: DnsQuery, rcode: number): Buffer {
  return encode(query, rcode, [], false);
}

function encode(query: DnsQuery, rcode: number, answers: dnsPacket.Answer[], isTruncated: boolean): Buffer {
  const { packet } = query;
  const edns = packet.additionals?.find((record) => record.type === 'OPT');
  return dnsPacket.encode({
    type: 'response',
    id: packet.id ?? 0,
    flags:
      dnsPacket.RECURSION_AVAILABLE |
      ((packet.flags ?? 0) & dnsPacket.RECURSION_DESIRED) |
      (rcode === RCODE.ok ? dnsPacket.AUTHORITATIVE_ANSWER : 0) |
      (isTruncated ? dnsPacket.TRUNCATED_RESPONSE : 0) |
      rcode,
    questions: packet.questions ?? [],
    answers,
    additionals:
      edns === undefined
        ? []
        : [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize: UDP_BYTES_MAX,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ],
  });
}
