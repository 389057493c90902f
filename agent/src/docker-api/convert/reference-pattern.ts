/**
 * Whether an image name matches a `reference` filter: a glob over the whole name, or over the name without tag or
 * digest. `*` stays within one path component, as in Go's path.Match.
 */
export function matchesReference(pattern: string, name: string): boolean {
  const bare = name.replace(/@.*$/, '').replace(/:[^/:]+$/, '');
  const glob = globToRegExp(pattern);
  return glob.test(name) || glob.test(bare);
}

function globToRegExp(pattern: string): RegExp {
  const source = pattern
    .slice(0, 512)
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '[^/]*')
    .replace(/\?/g, '[^/]');
  return new RegExp(`^${source}$`);
}
