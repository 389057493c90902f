import * as dnsPacket from 'dns-packet';
import { describe, expect, test } from 'vitest';

import { decideDns } from './dns-answer.ts';
import type { DnsDecision } from './dns-answer.ts';
import { MessageSplitter, withLength } from './dns-forward.ts';
import { RCODE, readQuery, writeAnswer, writeFailure } from './dns-message.ts';
import { buildNameIndex } from './dns-names.ts';
import type { NameSources } from './dns-names.ts';
import { areReachableByContainers, parseResolvConf, renderResolvConf } from './resolv-conf.ts';
import { IPV6_BRIDGE, ipv6SampleContainer } from './testing/ipv6-sample.ts';
import {
  SAMPLE_BRIDGE,
  SAMPLE_CLUSTER,
  sampleAttachment,
  sampleContainer,
} from './testing/sample-cluster.ts';

const APP = { ...SAMPLE_BRIDGE, id: 'app', name: 'app', isDefault: false };

const SOURCES: NameSources = {
  localNetworks: [SAMPLE_BRIDGE, APP],
  containers: [
    sampleContainer(
      '0123456789abcdef',
      [{ ...sampleAttachment('c1', 'app', '172.18.0.2'), aliases: ['DB'] }],
      {
        name: 'postgres',
        hostname: 'pg',
      },
    ),
    sampleContainer('c2', [{ ...sampleAttachment('c2', 'app', '172.18.0.3'), aliases: ['db'] }]),
    sampleContainer('c3', [sampleAttachment('c3', 'app', '172.18.0.4')], { isRunning: false }),
    sampleContainer('c4', [sampleAttachment('c4', SAMPLE_BRIDGE.id, '172.17.0.2')]),
  ],
  cluster: SAMPLE_CLUSTER,
};

function decide(name: string, type = 'A', networkIds = ['app', 'front'], rotation = 0): DnsDecision {
  return decideDns({ name, type }, { index: buildNameIndex(SOURCES), networkIds, rotation });
}

const addresses = (...list: string[]): DnsDecision => ({ type: 'addresses', addresses: list });

describe('answers', () => {
  test.each([
    ['postgres', addresses('172.18.0.2')],
    ['POSTGRES.', addresses('172.18.0.2')],
    ['postgres.app', addresses('172.18.0.2')],
    ['pg', addresses('172.18.0.2')],
    ['0123456789ab', addresses('172.18.0.2')],
    ['db', addresses('172.18.0.2', '172.18.0.3')],
    ['web', addresses('10.0.1.2')],
    ['www', addresses('10.0.1.2')],
    ['tasks.web', addresses('10.0.1.11', '10.0.1.12', '10.0.1.13')],
    ['tasks.www.front', addresses('10.0.1.11', '10.0.1.12', '10.0.1.13')],
    ['web.1.t2', addresses('10.0.1.12')],
    ['c3', { type: 'forward' }],
    ['c4', { type: 'forward' }],
    ['example.org', { type: 'forward' }],
    ['web.example.org', { type: 'forward' }],
  ] as const)('%s', (name, expected) => {
    expect(decide(name)).toEqual(expected);
  });

  test('hold only for the networks of the container that asks', () => {
    expect(decide('web', 'A', ['app'])).toEqual({ type: 'forward' });
    expect(decide('postgres', 'A', ['front'])).toEqual({ type: 'forward' });
  });

  test('of a known name have no record of another type, and the question stays here', () => {
    expect(decide('web', 'AAAA')).toEqual(addresses());
    expect(decide('web', 'MX')).toEqual(addresses());
  });

  test('of IPv6 come for AAAA, of containers that have it; those that have none are known all the same', () => {
    const index = buildNameIndex({
      localNetworks: [IPV6_BRIDGE],
      containers: [
        ipv6SampleContainer,
        sampleContainer('c7', [sampleAttachment('c7', IPV6_BRIDGE.id, '10.6.0.9')]),
      ],
    });
    const ask = (name: string, type: string): DnsDecision =>
      decideDns({ name, type }, { index, networkIds: [IPV6_BRIDGE.id], rotation: 0 });
    expect(ask('c6', 'AAAA')).toEqual(addresses('fd00:6::2'));
    expect(ask('C6.six.', 'AAAA')).toEqual(addresses('fd00:6::2'));
    expect(ask('c6', 'A')).toEqual(addresses('10.6.0.2'));
    expect(ask('c7', 'AAAA')).toEqual(addresses());
    const reverse = `2.${'0.'.repeat(23)}6.0.0.0.0.0.d.f.ip6.arpa`;
    expect(ask(reverse, 'PTR')).toEqual({ type: 'pointer', name: 'c6.six' });
    expect(ask(`3${reverse.slice(1)}`, 'PTR')).toEqual({ type: 'forward' });
    expect(ask('2.0.ip6.arpa', 'PTR')).toEqual({ type: 'forward' });
  });

  test('turn round by round', () => {
    expect(decide('tasks.web', 'A', ['front'], 1)).toEqual(addresses('10.0.1.12', '10.0.1.13', '10.0.1.11'));
    expect(decide('tasks.web', 'A', ['front'], 5)).toEqual(addresses('10.0.1.13', '10.0.1.11', '10.0.1.12'));
  });

  test('to PTR name the task, service or container with its network', () => {
    expect(decide('12.1.0.10.in-addr.arpa', 'PTR')).toEqual({ type: 'pointer', name: 'web.1.t2.front' });
    expect(decide('2.1.0.10.in-addr.arpa', 'PTR')).toEqual({ type: 'pointer', name: 'web.front' });
    expect(decide('2.0.18.172.in-addr.arpa', 'PTR')).toEqual({ type: 'pointer', name: 'postgres.app' });
    expect(decide('8.8.8.8.in-addr.arpa', 'PTR')).toEqual({ type: 'forward' });
  });

  test('with dnsrr are the tasks that serve; a service without one is known all the same', () => {
    const services = SAMPLE_CLUSTER.services.map((service) => ({
      ...service,
      mode: 'dnsrr' as const,
      virtualIps: [],
    }));
    const endpoints = SAMPLE_CLUSTER.endpoints.map((endpoint) => ({
      ...endpoint,
      isServing: endpoint.taskId === 't2',
    }));
    const look = (list: typeof endpoints): DnsDecision =>
      decideDns(
        { name: 'web', type: 'A' },
        {
          index: buildNameIndex({ ...SOURCES, cluster: { ...SAMPLE_CLUSTER, services, endpoints: list } }),
          networkIds: ['front'],
          rotation: 0,
        },
      );
    expect(look(endpoints)).toEqual(addresses('10.0.1.12'));
    expect(look(endpoints.map((endpoint) => ({ ...endpoint, isServing: false })))).toEqual(addresses());
  });
});

describe('messages', () => {
  const ask = (name: string, udpPayloadSize?: number): Buffer =>
    dnsPacket.encode({
      type: 'query',
      id: 4711,
      flags: dnsPacket.RECURSION_DESIRED,
      questions: [{ type: 'A', name }],
      additionals:
        udpPayloadSize === undefined
          ? []
          : [
              {
                type: 'OPT',
                name: '.',
                udpPayloadSize,
                extendedRcode: 0,
                ednsVersion: 0,
                flags: 0,
                flag_do: false,
                options: [],
              },
            ],
    });

  test('carry the question, the id and the addresses', () => {
    const query = readQuery(ask('web'));
    expect(query?.question).toEqual({ name: 'web', type: 'A' });
    const answer = dnsPacket.decode(
      query === undefined ? Buffer.alloc(0) : writeAnswer(query, decide('web') as never, 512),
    );
    expect(answer).toMatchObject({
      id: 4711,
      type: 'response',
      rcode: 'NOERROR',
      flag_rd: true,
      flag_ra: true,
    });
    expect(answer.answers).toMatchObject([{ type: 'A', name: 'web', ttl: 0, data: '10.0.1.2' }]);
  });

  test('that do not fit are cut, say so, and still fit', () => {
    const query = readQuery(ask('tasks.web', 512));
    const many = addresses(...Array.from({ length: 200 }, (_, index) => `10.1.0.${String(index)}`));
    const cut = query === undefined ? Buffer.alloc(0) : writeAnswer(query, many as never, query.udpBytesMax);
    expect(cut.length).toBeLessThanOrEqual(512);
    expect(dnsPacket.decode(cut).flag_tc).toBe(true);
    expect(dnsPacket.decode(cut).answers?.length).toBeGreaterThan(10);
    const whole = query === undefined ? Buffer.alloc(0) : writeAnswer(query, many as never, 65_535);
    expect(dnsPacket.decode(whole).answers).toHaveLength(200);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['noise', Buffer.from('ffffffffffffffffffffffff', 'hex')],
    ['a response', dnsPacket.encode({ type: 'response', id: 1, questions: [{ type: 'A', name: 'a' }] })],
    [
      'two questions',
      dnsPacket.encode({
        type: 'query',
        id: 1,
        questions: [
          { type: 'A', name: 'a' },
          { type: 'A', name: 'b' },
        ],
      }),
    ],
  ])('%s is no query', (_name, message) => {
    expect(readQuery(message)).toBeUndefined();
  });

  test('of failure carry their code', () => {
    const query = readQuery(ask('x'));
    expect(query && dnsPacket.decode(writeFailure(query, RCODE.serverFailure))).toMatchObject({
      rcode: 'SERVFAIL',
    });
  });

  test('are cut out of a TCP stream wherever it is broken', () => {
    const messages = [Buffer.from('first'), Buffer.alloc(300, 7), Buffer.from('last')];
    const stream = Buffer.concat(messages.map((message) => withLength(message)));
    for (const step of [1, 2, 3, 7, 1000]) {
      const splitter = new MessageSplitter();
      const out: Buffer[] = [];
      for (let at = 0; at < stream.length; at += step) {
        out.push(...splitter.push(stream.subarray(at, at + step)));
      }
      expect(out).toEqual(messages);
    }
  });
});

describe('resolver settings', () => {
  const host = parseResolvConf(
    '# made by hand\nnameserver 10.0.0.2 ; first\nnameserver ::1\nsearch a.org b.org\noptions edns0\n',
  );

  test('are read', () => {
    expect(host).toEqual({
      nameservers: ['10.0.0.2', '::1'],
      searches: ['a.org', 'b.org'],
      options: ['edns0'],
    });
    expect(areReachableByContainers(host.nameservers)).toBe(false);
    expect(areReachableByContainers(['10.0.0.2'])).toBe(true);
    expect(areReachableByContainers([])).toBe(false);
  });

  test.each([
    ['the embedded DNS', {}, true, 'nameserver 127.0.0.11\nsearch a.org b.org\noptions edns0 ndots:0\n'],
    [
      'the resolvers of the host',
      {},
      false,
      'nameserver 10.0.0.2\nnameserver ::1\nsearch a.org b.org\noptions edns0\n',
    ],
    [
      'what the user says',
      { nameservers: ['9.9.9.9'], searches: ['.'], options: ['ndots:2'] },
      false,
      'nameserver 9.9.9.9\noptions ndots:2\n',
    ],
    [
      'what the user says behind the embedded DNS',
      { options: ['ndots:2'] },
      true,
      'nameserver 127.0.0.11\nsearch a.org b.org\noptions ndots:2\n',
    ],
  ])('become %s', (_name, dns, isEmbedded, expected) => {
    expect(renderResolvConf({ host, dns, isEmbedded })).toBe(expected);
  });
});
