import { applyNft } from './apply.ts';
import type { IpFamily } from './ip-prefix.ts';
import { observeNftTable } from './observe.ts';
import type { NetworkPlan } from './plan.ts';
import { nftTableOf, renderNftDelta, renderNftRemoval, renderNftTable } from './render-nft.ts';
import type { NftModel } from './render-nft.ts';

const FAMILIES: readonly IpFamily[] = [4, 6];

/** Our tables in the kernel: one for IPv4, and one for IPv6 while a network has it. Both change in one transaction. */
export class NftTables {
  readonly #name: string;
  /** What each table was last made to be, and how nft lists it once it has been looked at. */
  #known = new Map<IpFamily, { readonly model: NftModel; listing?: string }>();
  /** Tables that are there, as far as has been seen. */
  #present: ReadonlySet<IpFamily> = new Set();

  constructor(name: string) {
    this.#name = name;
  }

  /** Tells which of our tables a look at the kernel saw. */
  seen(present: ReadonlySet<IpFamily>): void {
    this.#present = present;
  }

  /** Takes the tables for unknown: the next time they are made anew. */
  forget(): void {
    this.#known = new Map();
  }

  /** The first transaction replaces whole tables; later ones change what differs. */
  async follow({ nft, nft6 }: Pick<NetworkPlan, 'nft' | 'nft6'>): Promise<void> {
    const wanted = new Map<IpFamily, NftModel>([
      [4, nft],
      ...(nft6 === undefined ? [] : ([[6, nft6]] as const)),
    ]);
    const transaction = FAMILIES.map((family) => this.#transaction(family, wanted.get(family))).join('');
    if (transaction === '') {
      return;
    }
    const before = this.#known;
    this.forget();
    await applyNft(transaction);
    this.#present = new Set(wanted.keys());
    for (const [family, model] of wanted) {
      const old = before.get(family);
      this.#known.set(family, old?.model === model ? old : { model });
    }
  }

  /** Looks whether somebody else has changed what was made; takes it for unknown then. */
  async check(): Promise<boolean> {
    let isAsMade = true;
    for (const [family, known] of [...this.#known]) {
      const listing = await observeNftTable(nftTableOf(family, this.#name));
      if (this.#known.get(family) !== known) {
        continue;
      }
      if (listing === undefined || (known.listing !== undefined && known.listing !== listing)) {
        isAsMade = false;
      } else {
        known.listing = listing;
      }
    }
    if (!isAsMade) {
      this.forget();
    }
    return isAsMade;
  }

  async removeAll(): Promise<void> {
    const tables: IpFamily[] = this.#present.has(6) ? [4, 6] : [4];
    await applyNft(tables.map((family) => renderNftRemoval(nftTableOf(family, this.#name))).join(''));
  }

  #transaction(family: IpFamily, model: NftModel | undefined): string {
    const table = nftTableOf(family, this.#name);
    const known = this.#known.get(family);
    if (model === undefined) {
      return known !== undefined || this.#present.has(family) ? renderNftRemoval(table) : '';
    }
    return known === undefined ? renderNftTable(table, model) : renderNftDelta(table, known.model, model);
  }
}
