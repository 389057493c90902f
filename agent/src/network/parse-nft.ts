import { z } from 'zod';

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

/**
 * Chains of other tables that drop forwarded IPv4 packets unless a rule of theirs lets them pass: they come on top of
 * ours, so containers may be cut off by them. Answers `table/chain` names; text that is no listing has none.
 */
export function droppingForwardChains(ourTable: string, text: string): string[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return [];
  }
  const parsed = ChainListing.safeParse(json);
  return (parsed.data?.nftables ?? []).flatMap(({ chain }) =>
    chain?.hook === 'forward' &&
    chain.policy === 'drop' &&
    ['ip', 'inet'].includes(chain.family) &&
    chain.table !== ourTable
      ? [`${chain.family} ${chain.table} ${chain.name}`]
      : [],
  );
}
