import { fail, ok, type Result } from '@skep/kernel';

const WHITEOUT_PREFIX = '.wh.';
const OPAQUE_MARKER = '.wh..wh..opq';
const AUFS_PREFIX = '.wh..wh.';
/** Linux's PATH_MAX and NAME_MAX. */
const PATH_BYTES_MAX = 4095;
const NAME_BYTES_MAX = 255;

/**
 * Cleans the name of a tar entry into a path relative to the layer's root, without `.`, `..` or empty parts; the
 * root itself is the empty string. Refused: `..` that would leave the root, NUL bytes, names the kernel cannot hold.
 */
export function cleanEntryPath(name: string): Result<string> {
  if (name.includes('\0')) {
    return fail('invalid_argument', 'the layer has an entry with a NUL byte in its name');
  }
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') {
      continue;
    }
    if (part === '..') {
      if (parts.length === 0) {
        return fail(
          'invalid_argument',
          `the layer has an entry outside its root: ${JSON.stringify(name.slice(0, 200))}`,
        );
      }
      parts.pop();
      continue;
    }
    if (byteLength(part) > NAME_BYTES_MAX) {
      return fail('invalid_argument', 'the layer has an entry whose name is longer than 255 bytes');
    }
    parts.push(part);
  }
  const path = parts.join('/');
  if (byteLength(path) > PATH_BYTES_MAX) {
    return fail('invalid_argument', 'the layer has an entry whose path is longer than 4095 bytes');
  }
  return ok(path);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** What a layer entry's name means (OCI image spec, layer: whiteouts). */
export type EntryMeaning =
  | { readonly kind: 'plain'; readonly path: string }
  /** `path` of the lower layers is gone. */
  | { readonly kind: 'whiteout'; readonly path: string }
  /** All that the lower layers have in the directory `path` is gone. */
  | { readonly kind: 'opaque'; readonly path: string }
  /** Metadata of aufs that means nothing to others. */
  | { readonly kind: 'ignored'; readonly path: string };

/** Tells whiteouts from plain entries; `path` is a cleaned path. */
export function entryMeaning(path: string): EntryMeaning {
  const slash = path.lastIndexOf('/');
  const directory = slash === -1 ? '' : path.slice(0, slash);
  const name = path.slice(slash + 1);
  if (name === OPAQUE_MARKER) {
    return { kind: 'opaque', path: directory };
  }
  if (path.split('/').some((part) => part.startsWith(AUFS_PREFIX))) {
    return { kind: 'ignored', path };
  }
  if (!name.startsWith(WHITEOUT_PREFIX)) {
    return { kind: 'plain', path };
  }
  const hidden = name.slice(WHITEOUT_PREFIX.length);
  if (hidden === '' || hidden === '.' || hidden === '..') {
    return { kind: 'ignored', path };
  }
  return { kind: 'whiteout', path: directory === '' ? hidden : `${directory}/${hidden}` };
}

/** The name of the whiteout entry that hides `path`. */
export function whiteoutName(path: string): string {
  const slash = path.lastIndexOf('/');
  return `${path.slice(0, slash + 1)}${WHITEOUT_PREFIX}${path.slice(slash + 1)}`;
}

/** The name of the entry that makes the directory `path` opaque. */
export function opaqueName(path: string): string {
  return path === '' ? OPAQUE_MARKER : `${path}/${OPAQUE_MARKER}`;
}
