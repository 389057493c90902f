/** What is needed of one entry of `packages` in package-lock.json. */
export interface LockedPackage {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

type Lock = Readonly<Record<string, LockedPackage>>;

/**
 * The folders that some packages need to run, themselves among them, as paths below the project: Node's search for
 * each dependency, done over the lock file. A workspace counts with its link in node_modules and its own folder.
 * Packages for other platforms are among the answer and may be absent on the disk.
 */
export function foldersNeededBy(lock: Lock, roots: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const pending = [...roots];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const locked = lock[path];
    if (locked === undefined || found.has(path)) {
      continue;
    }
    found.add(path);
    if (locked.link === true) {
      pending.push(locked.resolved ?? '');
    }
    const from = path;
    pending.push(...dependenciesOf(locked).flatMap((name) => resolve(lock, from, name)));
  }
  return [...found].sort();
}

function dependenciesOf(locked: LockedPackage): string[] {
  const peers = Object.keys(locked.peerDependencies ?? {}).filter(
    (name) => locked.peerDependenciesMeta?.[name]?.optional !== true,
  );
  return [
    ...Object.keys(locked.dependencies ?? {}),
    ...Object.keys(locked.optionalDependencies ?? {}),
    ...peers,
  ];
}

/** The nearest `node_modules/<name>` at or above a folder; none for what is not installed. */
function resolve(lock: Lock, from: string, name: string): string[] {
  for (let base = from; ; base = parentOf(base)) {
    const candidate = `${base === '' ? '' : `${base}/`}node_modules/${name}`;
    if (lock[candidate] !== undefined) {
      return [candidate];
    }
    if (base === '') {
      return [];
    }
  }
}

function parentOf(path: string): string {
  const nested = path.lastIndexOf('/node_modules/');
  return nested === -1 ? '' : path.slice(0, nested);
}
