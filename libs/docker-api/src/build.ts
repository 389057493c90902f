import { SwarmError } from '@skep/kernel';
import { z } from 'zod';

import { compact, parseBody } from './body.ts';
import { decodeBase64 } from './payload.ts';
import { DockerAuthConfig } from './registry-auth.ts';
import { formatTimeMs } from './timestamps.ts';

const StringMap = z.record(z.string(), z.string().nullable());

const StringList = z.array(z.string()).nullable();

const Ulimits = z.array(z.object({ Name: z.string(), Soft: z.number(), Hard: z.number() }));

const RegistryConfig = z.record(z.string(), DockerAuthConfig);

/** Key of Docker Hub in the credentials that clients send. */
const HUB_KEYS: readonly string[] = ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io'];

/** A step's result in the build cache, in `GET /system/df`. */
export interface DockerBuildCache {
  readonly ID: string;
  /** Before API 1.42. */
  readonly Parent?: string | undefined;
  /** Since API 1.42. */
  readonly Parents?: readonly string[] | undefined;
  readonly Type: string;
  readonly Description: string;
  readonly InUse: boolean;
  readonly Shared: boolean;
  readonly Size: number;
  readonly CreatedAt: string;
  readonly LastUsedAt: string | null;
  readonly UsageCount: number;
}

/** What the engine knows of one record of the build cache. */
export interface BuildCacheFacts {
  readonly id: string;
  readonly parent: string | null;
  readonly description: string;
  readonly isInUse: boolean;
  readonly isShared: boolean;
  readonly sizeBytes: number;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number;
  readonly usageCount: number;
}

export function buildCacheToDocker(record: BuildCacheFacts, hasParents: boolean): DockerBuildCache {
  const { parent } = record;
  return compact<DockerBuildCache>({
    ID: record.id,
    Parent: hasParents ? undefined : (parent ?? ''),
    Parents: hasParents && parent !== null ? [parent] : undefined,
    Type: 'regular',
    Description: record.description,
    InUse: record.isInUse,
    Shared: record.isShared,
    Size: record.sizeBytes,
    CreatedAt: formatTimeMs(record.createdAtMs),
    LastUsedAt: formatTimeMs(record.lastUsedAtMs),
    UsageCount: record.usageCount,
  });
}

/** The query parameters `buildargs` and `labels`: a JSON object of strings. An argument that is null has no value. */
export function parseStringMap(text: string | undefined, name: string): Record<string, string> {
  const values = parseBody(StringMap, parseJson(text, name, {}));
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (value === null ? [] : [[key, value] as const])),
  );
}

/** A query parameter that is a list of texts as JSON (`cachefrom`); null and absent are empty. */
export function parseStringList(text: string | undefined, name: string): readonly string[] {
  return parseBody(StringList, parseJson(text, name, [])) ?? [];
}

/** The query parameter `ulimits`. */
export function parseBuildUlimits(
  text: string | undefined,
): readonly { readonly name: string; readonly soft: number; readonly hard: number }[] {
  return parseBody(Ulimits, parseJson(text, 'ulimits', [])).map(({ Name, Soft, Hard }) => ({
    name: Name,
    soft: Soft,
    hard: Hard,
  }));
}

/**
 * Decodes the header `X-Registry-Config`: credentials by registry, for base images. Answers a look-up by registry host.
 * @throws SwarmError `invalid_argument`; the text itself is never repeated.
 */
export function parseRegistryConfig(
  header: string | undefined,
): (registry: string) => DockerAuthConfig | undefined {
  if (header === undefined || header === '') {
    return () => undefined;
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(decodeBase64(header, 'X-Registry-Config')));
  } catch (error) {
    throw new SwarmError('invalid_argument', 'invalid X-Registry-Config header: it must be JSON in base 64', {
      cause: error,
    });
  }
  const entries = new Map(
    Object.entries(parseBody(RegistryConfig, json ?? {})).map(([key, auth]) => [hostOf(key), auth]),
  );
  return (registry) => entries.get(hostOf(registry));
}

function hostOf(key: string): string {
  return HUB_KEYS.includes(key) ? 'docker.io' : key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}

function parseJson(text: string | undefined, name: string, absent: unknown): unknown {
  if (text === undefined) {
    return absent;
  }
  try {
    return JSON.parse(text) ?? absent;
  } catch (error) {
    throw new SwarmError('invalid_argument', `error reading ${name}: it must be JSON`, { cause: error });
  }
}
