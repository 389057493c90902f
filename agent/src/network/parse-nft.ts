import { z } from 'zod';

import type { IpFamily } from './ip-prefix.ts';

const ChainListing = z.looseObject({
  nftables: z.array(
    z.looseObject({
      chain: z
        .looseObject({
          family: z.string(),
          table: z.string(),
          name: z.string(),
          hook: z.string().optional(),
          policy: z.string().optional(),
        })
        .optional(),
    }),
  ),
});

function chainsIn(text: string): NonNullable<z.infer<typeof ChainListing>['nftables'][number]['chain']>[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return [];
  }
  const { data } = ChainListing.safeParse(json);
  return (data?.nftables ?? []).flatMap(({ chain }) => (chain === undefined ? [] : [chain]));
}

/** In which families a table of this name is there; none for text that is no listing. */
export function ourTableFamilies(ourTable: string, text: string): ReadonlySet<IpFamily> {
  const families = chainsIn(text).filter(({ table }) => table === ourTable);
  return new Set(
    families.flatMap(({ family }): IpFamily[] => (family === 'ip' ? [4] : family === 'ip6' ? [6] : [])),
  );
}

/**
 * Chains of other tables that drop forwarded IPv4 packets unless a rule of theirs lets them pass: they come on top of
 * ours, so containers may be cut off by them. Answers `table/chain` names; text that is no listing has none.
 */
export function droppingForwardChains(ourTable: string, text: string): string[] {
  return chainsIn(text).flatMap((chain) =>
    chain.hook === 'forward' &&
    chain.policy === 'drop' &&
    ['ip', 'inet'].includes(chain.family) &&
    chain.table !== ourTable
      ? [`${chain.family} ${chain.table} ${chain.name}`]
      : [],
  );
}
