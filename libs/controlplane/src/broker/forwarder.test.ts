import { expect, test } from 'vitest';

import { SwarmError } from '@skep/kernel';

import type { ForwardedRequest } from '../control-plane-api.ts';
import { FATE_WAIT_MS, Forwarder } from './forwarder.ts';
import { RequestFates } from './request-fates.ts';

const LOST = new SwarmError('unavailable', 'the leader changed', { details: { isSent: true } });

/** A forwarder whose leader is lost right after it got the request; time passes when `expire` is called. */
function aForwarder(): {
  readonly forwarder: Forwarder;
  readonly fates: RequestFates;
  readonly sent: ForwardedRequest[];
  readonly waits: Map<number, () => void>;
} {
  const fates = new RequestFates();
  const sent: ForwardedRequest[] = [];
  const waits = new Map<number, () => void>();
  const link = {
    forward: (request: ForwardedRequest): Promise<never> => {
      sent.push(request);
      return Promise.reject(LOST);
    },
  };
  const timers = {
    after: (delayMs: number, run: () => void): (() => void) => {
      waits.set(delayMs, run);
      return () => {
        waits.delete(delayMs);
      };
    },
  };
  const forwarder = new Forwarder({ link, fates, term: () => 4, newId: () => 'made-up' }, timers);
  return { forwarder, fates, sent, waits };
}

const REQUEST: ForwardedRequest = { method: 'POST', path: '/api/v1/configs', headers: { a: 'b' } };

/** Lets what waits for nothing but promises go on. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('the leader is sent the id by which the log is watched, also when the caller gave none', async () => {
  const { forwarder, fates, sent, waits } = aForwarder();
  const outcome = expect(forwarder.forward(REQUEST)).rejects.toMatchObject({
    message:
      'the leader was lost before it answered; the change was made at least in part, so look before trying again',
  });
  await settled();
  const requestId = sent[0]?.headers['x-request-id'] ?? 'none was sent';
  fates.applied({ requestId });
  fates.reachedTerm(5);
  await outcome;
  expect(sent).toEqual([{ ...REQUEST, headers: { a: 'b', 'x-request-id': 'made-up' } }]);
  expect(waits.size).toBe(0);
});

test('an id of the caller is kept', async () => {
  const { forwarder, fates, sent } = aForwarder();
  const outcome = expect(
    forwarder.forward({ ...REQUEST, headers: { 'x-request-id': 'r1' } }),
  ).rejects.toMatchObject({ details: { isSent: false } });
  await settled();
  fates.reachedTerm(5);
  await outcome;
  expect(sent[0]?.headers).toEqual({ 'x-request-id': 'r1' });
});

test('the log is not asked for ever', async () => {
  const { forwarder, waits } = aForwarder();
  const outcome = expect(forwarder.forward(REQUEST)).rejects.toMatchObject({
    code: 'unavailable',
    message:
      'the leader was lost before it answered; the change may or may not have been made, so look before trying again',
    details: {},
  });
  await settled();
  waits.get(FATE_WAIT_MS)?.();
  await outcome;
});
