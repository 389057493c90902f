/** What someone typed and has not applied yet, kept in this browser. Secrets never come here. */
export interface StoredDraft<T> {
  readonly value: T;
  readonly savedAtMs: number;
}

const DATABASE = 'skep';
const DRAFTS = 'drafts';

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(DRAFTS);
    };
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error('no database'));
    };
  });
}

async function withDrafts<T>(
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const database = await openDatabase();
  try {
    return await new Promise<T>((resolve, reject) => {
      const request = act(database.transaction(DRAFTS, mode).objectStore(DRAFTS));
      request.onsuccess = () => {
        resolve(request.result);
      };
      request.onerror = () => {
        reject(request.error ?? new Error('draft not stored'));
      };
    });
  } finally {
    database.close();
  }
}

/** The draft under `key`, or `undefined`; a browser that keeps nothing has none. */
export async function loadDraft<T>(key: string): Promise<StoredDraft<T> | undefined> {
  try {
    return (
      (await withDrafts('readonly', (store) => store.get(key) as IDBRequest<StoredDraft<T> | undefined>)) ??
      undefined
    );
  } catch {
    return undefined;
  }
}

export async function saveDraft<T>(key: string, draft: StoredDraft<T>): Promise<void> {
  try {
    await withDrafts('readwrite', (store) => store.put(draft, key));
  } catch {
    // Private windows may refuse; the text is still on the page.
  }
}

export async function dropDraft(key: string): Promise<void> {
  try {
    await withDrafts('readwrite', (store) => store.delete(key) as IDBRequest<unknown>);
  } catch {
    // Nothing was kept, so nothing is left.
  }
}
