import type { IpFamily } from './ip-prefix.ts';

/**
 * The content of our nft table as data: sets and maps with their elements, chains with their rules. Names and
 * elements come only from the planner, which builds them from parsed numbers and checked names.
 */
export interface NftModel {
  readonly sets: ReadonlyMap<string, NftSet>;
  readonly chains: ReadonlyMap<string, NftChain>;
}

/** A set (elements with an empty value) or a map. */
export interface NftSet {
  readonly kind: 'set' | 'map';
  /** `type ipv4_addr : verdict; flags interval`. */
  readonly definition: string;
  /** Element to value; the value is empty in a set. */
  readonly elements: ReadonlyMap<string, string>;
}

export interface NftChain {
  /** `type nat hook prerouting priority dstnat; policy accept;`; absent for a chain that others jump to. */
  readonly hook?: string;
  readonly rules: readonly string[];
}

/** Family and name of a table of ours, as nft writes it: `ip skep`, `ip6 skep`. */
export function nftTableOf(family: IpFamily, name: string): string {
  return `${family === 4 ? 'ip' : 'ip6'} ${name}`;
}

/** The whole model as one transaction that replaces whatever table of this family and name exists. */
export function renderNftTable(table: string, model: NftModel): string {
  const lines = [`add table ${table}`, `delete table ${table}`, `add table ${table}`];
  for (const [name, set] of sorted(model.sets)) {
    lines.push(`add ${set.kind} ${table} ${name} { ${set.definition}; }`);
  }
  for (const [name, chain] of sorted(model.chains)) {
    lines.push(chainLine(table, name, chain));
  }
  for (const [name, chain] of sorted(model.chains)) {
    lines.push(...chain.rules.map((rule) => `add rule ${table} ${name} ${rule}`));
  }
  for (const [name, set] of sorted(model.sets)) {
    lines.push(...elementLines('add', table, name, set.elements));
  }
  return `${lines.join('\n')}\n`;
}

/**
 * The transaction that turns a table with content `from` into one with content `to`; empty when they are the same.
 * Elements that go leave first, so that chains they lead to can be emptied; chains that go leave last.
 */
export function renderNftDelta(table: string, from: NftModel, to: NftModel): string {
  if (!hasSameFrame(from, to)) {
    return renderNftTable(table, to);
  }
  const elements = (name: string, model: NftModel): ReadonlyMap<string, string> =>
    model.sets.get(name)?.elements ?? new Map<string, string>();
  const lines = [
    ...sorted(to.sets).flatMap(([name, set]) =>
      elementLines('delete', table, name, difference(elements(name, from), set.elements)),
    ),
    ...sorted(to.chains).flatMap(([name, chain]) =>
      chainDelta(table, name, { from: from.chains.get(name), to: chain }),
    ),
    ...sorted(to.sets).flatMap(([name, set]) =>
      elementLines('add', table, name, difference(set.elements, elements(name, from))),
    ),
    ...sorted(from.chains)
      .filter(([name]) => !to.chains.has(name))
      .flatMap(([name]) => [`flush chain ${table} ${name}`, `delete chain ${table} ${name}`]),
  ];
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** Sets and hooks are as fixed as the program that made them: another frame needs the whole table. */
function hasSameFrame(from: NftModel, to: NftModel): boolean {
  const sets = [...to.sets].every(([name, set]) => {
    const old = from.sets.get(name);
    return old?.definition === set.definition && old.kind === set.kind;
  });
  return (
    sets &&
    from.sets.size === to.sets.size &&
    [...to.chains].every(([name, chain]) => {
      const old = from.chains.get(name);
      return old === undefined || old.hook === chain.hook;
    })
  );
}

function chainDelta(
  table: string,
  name: string,
  chains: { readonly from: NftChain | undefined; readonly to: NftChain },
): string[] {
  const { from, to } = chains;
  const rules = to.rules.map((rule) => `add rule ${table} ${name} ${rule}`);
  if (from === undefined) {
    return [chainLine(table, name, to), ...rules];
  }
  return isSameRules(from, to) ? [] : [`flush chain ${table} ${name}`, ...rules];
}

/** The transaction that removes the table, whether it exists or not. */
export function renderNftRemoval(table: string): string {
  return `add table ${table}\ndelete table ${table}\n`;
}

function chainLine(table: string, name: string, chain: NftChain): string {
  return chain.hook === undefined
    ? `add chain ${table} ${name}`
    : `add chain ${table} ${name} { ${chain.hook} }`;
}

function elementLines(
  verb: 'add' | 'delete',
  table: string,
  set: string,
  elements: ReadonlyMap<string, string>,
): string[] {
  if (elements.size === 0) {
    return [];
  }
  const text = sorted(elements).map(([key, value]) => (value === '' ? key : `${key} : ${value}`));
  return [`${verb} element ${table} ${set} { ${text.join(', ')} }`];
}

/** Elements of `a` that `b` lacks or gives another value. */
function difference(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...a].filter(([key, value]) => b.get(key) !== value));
}

function isSameRules(a: NftChain, b: NftChain): boolean {
  return a.rules.length === b.rules.length && a.rules.every((rule, index) => rule === b.rules[index]);
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
