import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { peerInode, peerRequest, whenAccepted } from './accepted-peer.ts';

test('a connection is known to wait until the other side accepts it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'skep-accept-'));
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket));
  await new Promise<void>((resolve) => server.listen(join(directory, 's'), resolve));
  try {
    const client = connect(join(directory, 's'));
    // The kernel has connected it; this process, which serves too, has had no turn to accept.
    const { fd } = (client as unknown as { readonly _handle: { readonly fd: number } })._handle;
    let isAccepted = false;
    const waiting = whenAccepted(fd).then(() => {
      isAccepted = true;
    });
    await Promise.resolve();
    expect([isAccepted, accepted.length]).toEqual([false, 0]);
    await waiting;
    expect(accepted).toHaveLength(1);
    client.destroy();
  } finally {
    accepted.forEach((socket) => socket.destroy());
    server.close();
    rmSync(directory, { recursive: true });
  }
});

test('a request asks for the peer of one socket', () => {
  expect(peerRequest(0x1234).toString('hex')).toBe(
    [
      // length, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, sequence, port
      '28000000' + '1400' + '0100' + '00000000' + '00000000',
      // AF_UNIX, all states, inode, UDIAG_SHOW_PEER, no cookie
      '01000000' + 'ffffffff' + '34120000' + '04000000' + 'ffffffffffffffff',
    ].join(''),
  );
});

test.each([
  ['a waiting one', '0800020000000000', 0],
  ['an accepted one', '08000200' + '2a000000', 42],
  ['another attribute first', '0500000007000000' + '08000200' + '2a000000', 42],
  ['none', '', undefined],
  ['a cut one', '08000200', undefined],
])('the peer in an answer: %s', (_what, attributes, expected) => {
  const body = Buffer.from(`${'00'.repeat(16)}${attributes}`, 'hex');
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(20, 4);
  expect(peerInode(Buffer.concat([header, body]))).toBe(expected);
});

test('an error or nothing is no answer', () => {
  const error = Buffer.alloc(36);
  error.writeUInt16LE(2, 4);
  expect([peerInode(error), peerInode(Buffer.alloc(0))]).toEqual([undefined, undefined]);
});
