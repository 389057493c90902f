import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { planNetworks } from './plan.ts';
import { renderNftDelta, renderNftTable } from './render-nft.ts';
import type { NftChain, NftModel, NftSet } from './render-nft.ts';
import { SAMPLE_CLUSTER, SAMPLE_INPUT } from './testing/sample-cluster.ts';

/** Reads the lines this renderer writes, as nft would, refusing what nft refuses. */
function interpret(start: NftModel, text: string): NftModel {
  let sets = new Map(
    [...start.sets].map(([name, set]) => [name, { ...set, elements: new Map(set.elements) }]),
  );
  let chains = new Map(
    [...start.chains].map(([name, chain]) => [name, { ...chain, rules: [...chain.rules] }]),
  );
  const get = <T>(map: Map<string, T>, name: string): T => {
    const value = map.get(name);
    if (value === undefined) {
      throw new Error(`no such ${name}`);
    }
    return value;
  };
  for (const line of text.split('\n').filter((item) => item !== '')) {
    const [verb = '', noun = '', , , name = '', ...rest] = line.split(' ');
    const body = rest.join(' ').replace(/^\{ /, '').replace(/ \}$/, '');
    if (noun === 'table') {
      if (verb === 'delete') {
        sets = new Map();
        chains = new Map();
      }
    } else if (noun === 'set' || noun === 'map') {
      sets.set(name, { kind: noun, definition: body.replace(/;$/, ''), elements: new Map() });
    } else if (noun === 'element') {
      for (const element of body.split(', ')) {
        const [key = '', value = ''] = element.split(' : ');
        const { elements } = get(sets, name);
        if ((verb === 'add') === elements.has(key)) {
          throw new Error(`${verb} ${key}`);
        }
        if (verb === 'add') {
          requireTarget(chains, value);
          elements.set(key, value);
        } else {
          elements.delete(key);
        }
      }
    } else if (noun === 'rule') {
      get(chains, name).rules.push(rest.join(' '));
    } else if (verb === 'add') {
      chains.set(name, { rules: [], ...(body === '' ? {} : { hook: body }) });
    } else if (verb === 'flush') {
      get(chains, name).rules.length = 0;
    } else {
      const isUsed = [...sets.values()].some((set) => [...set.elements.values()].includes(`goto ${name}`));
      if (isUsed || get(chains, name).rules.length > 0) {
        throw new Error(`chain ${name} is busy`);
      }
      chains.delete(name);
    }
  }
  return { sets, chains };
}

/** An element may only lead to a chain that is there. */
function requireTarget(chains: ReadonlyMap<string, unknown>, value: string): void {
  const target = /^goto (\S+)$/.exec(value)?.[1];
  if (target !== undefined && !chains.has(target)) {
    throw new Error(`no such chain ${target}`);
  }
}

const EMPTY: NftModel = { sets: new Map(), chains: new Map() };

/** Models of one frame: chains to go to, and a map that leads to those that exist. */
const model: fc.Arbitrary<NftModel> = fc
  .record({
    services: fc.dictionary(fc.constantFrom('s1', 's2', 's3'), fc.array(fc.constantFrom('accept', 'drop'))),
    subnets: fc.uniqueArray(fc.constantFrom('10.0.0.0/24', '10.0.1.0/24', '10.0.2.0/24')),
    gateways: fc.dictionary(
      fc.constantFrom('10.0.0.0/24', '10.0.1.0/24'),
      fc.constantFrom('10.0.0.1', '10.0.0.2'),
    ),
  })
  .map(({ services, subnets, gateways }) => {
    const names = Object.keys(services);
    const chains = new Map<string, NftChain>([
      [
        'base',
        { hook: 'type filter hook input priority filter; policy accept;', rules: ['ip daddr vmap @vips'] },
      ],
      ...names.map((name): [string, NftChain] => [name, { rules: services[name] ?? [] }]),
    ]);
    const sets = new Map<string, NftSet>([
      [
        'subnets',
        { kind: 'set', definition: 'type ipv4_addr', elements: new Map(subnets.map((key) => [key, ''])) },
      ],
      [
        'gateways',
        {
          kind: 'map',
          definition: 'type ipv4_addr : ipv4_addr',
          elements: new Map(Object.entries(gateways)),
        },
      ],
      [
        'vips',
        {
          kind: 'map',
          definition: 'type ipv4_addr : verdict',
          elements: new Map(names.map((name, index) => [`10.9.0.${String(index)}`, `goto ${name}`])),
        },
      ],
    ]);
    return { sets, chains };
  });

describe('transactions', () => {
  test('the whole table replaces whatever was there', () => {
    fc.assert(
      fc.property(model, model, (from, to) => {
        expect(renderNftTable('ip t', interpret(from, renderNftTable('ip t', to)))).toBe(
          renderNftTable('ip t', to),
        );
      }),
    );
  });

  test('a delta turns one table into the other, in an order nft accepts', () => {
    fc.assert(
      fc.property(model, model, (from, to) => {
        const result = interpret(from, renderNftDelta('ip t', from, to));
        expect(renderNftTable('ip t', result)).toBe(renderNftTable('ip t', to));
      }),
    );
  });

  test('there is no delta between equals', () => {
    fc.assert(
      fc.property(model, (same) => {
        expect(renderNftDelta('ip t', same, same)).toBe('');
      }),
    );
  });

  test('another frame is made anew as a whole', () => {
    const { nft } = planNetworks(SAMPLE_INPUT);
    expect(renderNftDelta('ip skep', EMPTY, nft)).toBe(renderNftTable('ip skep', nft));
  });

  test('an endpoint that leaves costs two lines', () => {
    const { nft } = planNetworks(SAMPLE_INPUT);
    const endpoints = SAMPLE_CLUSTER.endpoints.map((endpoint) => ({
      ...endpoint,
      isServing: endpoint.taskId !== 't3',
    }));
    const next = planNetworks({ ...SAMPLE_INPUT, cluster: { ...SAMPLE_CLUSTER, endpoints } }).nft;
    expect(renderNftDelta('ip skep', nft, next)).toBe(
      'flush chain ip skep svc_web0_1001\n' +
        'add rule ip skep svc_web0_1001 dnat to numgen random mod 2 map { 0 : 10.0.1.11, 1 : 10.0.1.12 }\n',
    );
  });
});
