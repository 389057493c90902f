import { fail, ok, type Result } from '@skep/kernel';
import { isDigest, type Digest } from './digest.ts';

/** The registry that a name without a host means. */
export const DEFAULT_DOMAIN = 'docker.io';
const LEGACY_DEFAULT_DOMAIN = 'index.docker.io';
const OFFICIAL_PREFIX = 'library/';
const DEFAULT_TAG = 'latest';
const NAME_LENGTH_MAX = 255;

/** A parsed image reference. At least one of `tag` and `digest` is there after {@link parseReference}. */
export interface ImageReference {
  /** Registry host with optional port: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** Repository path: `library/busybox`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const DOMAIN_PATTERN =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const PATH_PATTERN = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const HEX_ID_PATTERN = /^[a-f0-9]{64}$/;

/**
 * Parses a reference the way Docker does: `busybox` means `docker.io/library/busybox:latest`; the part before the
 * first slash is a host when it holds a dot or a colon, is `localhost`, or has upper-case letters.
 * A reference with a digest and no tag gets no tag. (Grammar: distribution/reference.)
 */
export function parseReference(text: string): Result<ImageReference> {
  const parsed = parseReferenceParts(text);
  if (!parsed.ok || parsed.value.tag !== undefined || parsed.value.digest !== undefined) {
    return parsed;
  }
  return ok({ ...parsed.value, tag: DEFAULT_TAG });
}

/** Like {@link parseReference} but leaves the tag away when the text has none. */
export function parseReferenceParts(text: string): Result<ImageReference> {
  if (HEX_ID_PATTERN.test(text)) {
    return fail(
      'invalid_argument',
      `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`,
    );
  }
  const parts = splitReference(text);
  const { domain, path } = splitDomain(parts.name);
  const isValid =
    (parts.digest === undefined || isDigest(parts.digest)) &&
    (parts.tag === undefined || TAG_PATTERN.test(parts.tag)) &&
    DOMAIN_PATTERN.test(domain);
  if (isValid && path !== path.toLowerCase() && PATH_PATTERN.test(path.toLowerCase())) {
    return fail('invalid_argument', 'invalid reference format: repository name must be lowercase');
  }
  if (!isValid || !PATH_PATTERN.test(path)) {
    return invalid(text);
  }
  if (domain.length + 1 + path.length > NAME_LENGTH_MAX) {
    return fail(
      'invalid_argument',
      `repository name must not be more than ${String(NAME_LENGTH_MAX)} characters`,
    );
  }
  const { tag, digest } = parts;
  return ok({
    domain,
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  });
}

/** `name[:tag][@digest]`; a colon before the last slash belongs to the host's port. */
function splitReference(text: string): { name: string; tag?: string; digest?: string } {
  const at = text.indexOf('@');
  const nameAndTag = at === -1 ? text : text.slice(0, at);
  const colon = nameAndTag.lastIndexOf(':');
  const hasTag = colon > nameAndTag.lastIndexOf('/');
  return {
    name: hasTag ? nameAndTag.slice(0, colon) : nameAndTag,
    ...(hasTag ? { tag: nameAndTag.slice(colon + 1) } : {}),
    ...(at === -1 ? {} : { digest: text.slice(at + 1) }),
  };
}

function invalid(text: string): Result<never> {
  return fail('invalid_argument', 'invalid reference format', { details: { reference: text.slice(0, 300) } });
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const looksLikeHost =
    first.includes('.') || first.includes(':') || first === 'localhost' || first !== first.toLowerCase();
  const domain = slash !== -1 && looksLikeHost ? first : DEFAULT_DOMAIN;
  const rest = slash !== -1 && looksLikeHost ? name.slice(slash + 1) : name;
  if (domain !== DEFAULT_DOMAIN && domain !== LEGACY_DEFAULT_DOMAIN) {
    return { domain, path: rest };
  }
  return { domain: DEFAULT_DOMAIN, path: rest.includes('/') ? rest : OFFICIAL_PREFIX + rest };
}

/** `docker.io/library/busybox`: the name without tag and digest. */
export function repositoryName(reference: ImageReference): string {
  return `${reference.domain}/${reference.path}`;
}

/** `docker.io/library/busybox:latest@sha256:...`: the one full form of a reference. */
export function formatReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return repositoryName(reference) + tag + digest;
}

/** The repository name as people write it: `busybox`, `grafana/grafana`, `localhost:5000/app`. */
export function familiarName(reference: ImageReference): string {
  if (reference.domain !== DEFAULT_DOMAIN) {
    return repositoryName(reference);
  }
  const short = reference.path.slice(OFFICIAL_PREFIX.length);
  return reference.path.startsWith(OFFICIAL_PREFIX) && !short.includes('/') ? short : reference.path;
}

/** A whole reference as people write it: `busybox:latest`. */
export function familiarReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return familiarName(reference) + tag + digest;
}
