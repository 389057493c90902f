import {
  connect as connectHttp2,
  constants,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
} from 'node:http2';

import { VALUE_BYTES, type Ask, type LoadTarget } from './wire-load.ts';

/**
 * etcd's own gRPC calls (etcdserverpb.KV/Put and /Range) on cleartext HTTP/2. Two messages with two fields each do not
 * need a protocol compiler: field 1 is the key, field 2 the value, both bytes.
 */
const PUT = '/etcdserverpb.KV/Put';
const RANGE = '/etcdserverpb.KV/Range';

function bytesField(field: number, bytes: Uint8Array): Buffer {
  const head = [field * 8 + 2];
  let length = bytes.length;
  for (; length >= 0x80; length >>>= 7) {
    head.push((length & 0x7f) | 0x80);
  }
  head.push(length);
  return Buffer.concat([Buffer.from(head), bytes]);
}

function grpcMessage(body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

const value = Buffer.alloc(VALUE_BYTES, 7);

function requestOf(kind: 'write' | 'read', key: number): Buffer {
  const name = bytesField(1, Buffer.from(`key-${String(key)}`));
  return grpcMessage(kind === 'write' ? Buffer.concat([name, bytesField(2, value)]) : name);
}

/** One member of etcd, at a client port. */
export function etcdTarget(port: number): LoadTarget {
  return {
    open: async (count) => {
      const sessions = await Promise.all(Array.from({ length: count }, () => connected(port)));
      return {
        askers: sessions.map(etcdAsker),
        close: () => {
          sessions.forEach((session) => {
            session.destroy();
          });
        },
      };
    },
  };
}

async function connected(port: number): Promise<ClientHttp2Session> {
  const session = connectHttp2(`http://127.0.0.1:${String(port)}`);
  await new Promise((resolve, reject) => {
    session.once('connect', resolve).once('error', reject);
  });
  return session;
}

function etcdAsker(session: ClientHttp2Session): Ask {
  return (kind, key) =>
    new Promise<void>((resolve, reject) => {
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: kind === 'write' ? PUT : RANGE,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        te: 'trailers',
      });
      let status = '';
      stream.on('response', (headers) => {
        status = String(headers['grpc-status'] ?? status);
      });
      stream.on('trailers', (headers: IncomingHttpHeaders) => {
        status = String(headers['grpc-status'] ?? status);
      });
      stream.on('error', reject);
      stream.on('close', () => {
        if (status === '0') {
          resolve();
        } else {
          reject(new Error(`grpc status ${status}`));
        }
      });
      stream.resume();
      stream.end(requestOf(kind, key));
    });
}
