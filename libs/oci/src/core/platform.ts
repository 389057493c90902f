import { fail, ok, type Result } from '@skep/kernel';

/** A platform in Go's names, as images use them. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** Node's names of processors -> Go's. */
const GO_ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  arm64: 'arm64',
  arm: 'arm',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
};

const ALIASES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
  armhf: 'arm',
  armel: 'arm',
};

/** The platform of a Linux host from Node's `process.arch`. */
export function platformFromNodeArch(arch: string): Platform {
  return normalizePlatform({ os: 'linux', architecture: GO_ARCHITECTURES[arch] ?? arch });
}

/** Fills in the variant that a bare name means: `arm64` is v8, `arm` is v7. */
export function normalizePlatform(platform: Platform): Platform {
  const architecture = ALIASES[platform.architecture] ?? platform.architecture;
  const implied = architecture === 'arm64' ? 'v8' : architecture === 'arm' ? 'v7' : undefined;
  const given = platform.variant === '' ? undefined : platform.variant;
  const variant = given ?? implied;
  return { os: platform.os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** Parses `linux/arm64/v8`, `linux/amd64` or `arm64`. */
export function parsePlatform(text: string): Result<Platform> {
  const parts = text.toLowerCase().split('/');
  if (parts.some((part) => !/^[a-z0-9_.-]+$/.test(part)) || parts.length > 3) {
    return fail(
      'invalid_argument',
      `"${text}" is not a platform; write it like linux/amd64 or linux/arm64/v8`,
    );
  }
  const [first = '', second, third] = parts;
  if (second === undefined) {
    return ok(normalizePlatform({ os: 'linux', architecture: first }));
  }
  return ok(
    normalizePlatform({
      os: first,
      architecture: second,
      ...(third === undefined ? {} : { variant: third }),
    }),
  );
}

/** `linux/arm64/v8`. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant]
    .filter((part) => part !== undefined)
    .join('/');
}

/** What an arm processor of one variant can run, best first. */
const ARM_FALLBACKS: Readonly<Record<string, readonly string[]>> = {
  v8: ['v8', 'v7', 'v6', 'v5'],
  v7: ['v7', 'v6', 'v5'],
  v6: ['v6', 'v5'],
  v5: ['v5'],
};

/**
 * How well `candidate` serves `wanted`: 0 is exact, greater is worse, null is not at all.
 * amd64 variants (v2, v3) are taken only when they are asked for; arm variants fall back downwards.
 */
export function platformDistance(wanted: Platform, candidate: Platform): number | null {
  const want = normalizePlatform(wanted);
  const have = normalizePlatform(candidate);
  if (want.os !== have.os || want.architecture !== have.architecture) {
    return null;
  }
  if (want.variant === have.variant) {
    return 0;
  }
  if (want.architecture === 'arm') {
    const rank = (ARM_FALLBACKS[want.variant ?? 'v7'] ?? []).indexOf(have.variant ?? '');
    return rank === -1 ? null : rank;
  }
  if (want.architecture === 'amd64' && have.variant !== undefined && have.variant !== 'v1') {
    return want.variant !== undefined && have.variant < want.variant ? 1 : null;
  }
  return 1;
}
