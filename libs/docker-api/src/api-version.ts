import { fail, ok, type Result } from '@skep/kernel';

/** A version of the Docker Engine API: `1.51` is `{major: 1, minor: 51}`. */
export interface ApiVersion {
  readonly major: number;
  readonly minor: number;
}

/**
 * The newest version served. Clients that know newer ones negotiate down to it, because `/_ping` tells it in the
 * `Api-Version` header.
 */
export const API_VERSION_MAX: ApiVersion = { major: 1, minor: 51 };

/**
 * The oldest version served. Docker 29 raised its own floor to 1.44 and broke many clients; ours stays low
 * (docker-compat.md 1).
 */
export const API_VERSION_MIN: ApiVersion = { major: 1, minor: 24 };

/** `1.51` */
export function formatApiVersion(version: ApiVersion): string {
  return `${String(version.major)}.${String(version.minor)}`;
}

/** Negative when `a` is older than `b`, positive when newer, 0 when equal. */
export function compareApiVersions(a: ApiVersion, b: ApiVersion): number {
  return a.major === b.major ? a.minor - b.minor : a.major - b.major;
}

/** Whether `version` is 1.`minor` or newer. */
export function isAtLeast(version: ApiVersion, minor: number): boolean {
  return compareApiVersions(version, { major: 1, minor }) >= 0;
}

/** The version and the rest of a request path; without a version prefix the newest one holds. */
export interface VersionedPath {
  readonly version: ApiVersion;
  readonly path: string;
}

const VERSION_PREFIX = /^\/v(\d{1,4})\.(\d{1,4})(\/.*)?$/;

/**
 * Splits `/v1.44/info` into version and `/info`.
 * Fails with Docker's own sentences when the version is outside {@link API_VERSION_MIN} to {@link API_VERSION_MAX}.
 */
export function parseVersionedPath(path: string): Result<VersionedPath> {
  const match = VERSION_PREFIX.exec(path);
  if (match === null) {
    return ok({ version: API_VERSION_MAX, path });
  }
  const version = { major: Number(match[1]), minor: Number(match[2]) };
  if (compareApiVersions(version, API_VERSION_MIN) < 0) {
    return fail(
      'invalid_argument',
      `client version ${formatApiVersion(version)} is too old. Minimum supported API version is ` +
        `${formatApiVersion(API_VERSION_MIN)}, please upgrade your client to a newer version`,
    );
  }
  if (compareApiVersions(version, API_VERSION_MAX) > 0) {
    return fail(
      'invalid_argument',
      `client version ${formatApiVersion(version)} is too new. Maximum supported API version is ` +
        formatApiVersion(API_VERSION_MAX),
    );
  }
  return ok({ version, path: match[3] ?? '/' });
}
