export type { AppliedEntry, StoreEvent, StoreEventOf } from './apply.ts';
export {
  ENTRY_BYTES_MAX,
  ENTRY_CHANGES_MAX,
  decodeEntry,
  encodeEntry,
  type Entry,
  type StoreAction,
} from './entry.ts';
export { KINDS, KIND_TITLES, isKind, titleOf, type Kind, type NamedKind, type ObjectOf } from './objects.ts';
export { toEntries, toEntry, type EntryIdentity, type Planned } from './plan.ts';
export type { StateImage } from './snapshot.ts';
export { servicesThatNeed } from './references.ts';
export { HISTORY_MAX } from './state.ts';
export { Store } from './store.ts';
export type { NewObject, Owner, PatchFields, PatchOptions, ReadTx, Scalar, WriteTx } from './tx.ts';
export { WATCH_ENTRIES_MAX, type Subscription, type WatchOptions, type WatchResult } from './watch.ts';
