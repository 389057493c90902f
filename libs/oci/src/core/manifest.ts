import { SwarmError, fail, ok, type Result } from '@skep/kernel';
import { z } from 'zod';
import { isDigest, type Digest } from './digest.ts';
import { MEDIA_TYPES, isIndexType, isManifestType } from './media-types.ts';
import { formatPlatform, platformDistance, type Platform } from './platform.ts';

/** Layers and manifests beyond these counts are refused (overlayfs and good sense set the limit). */
const LAYERS_MAX = 127;
const INDEX_ENTRIES_MAX = 1000;
/** So many indexes may lie between a name and the image it means. */
export const INDEX_DEPTH_MAX = 3;

const digestSchema = z.string().refine((text) => isDigest(text), 'not a digest');

const descriptorSchema = z.object({
  mediaType: z.string().min(1).max(255),
  digest: digestSchema,
  size: z.int().nonnegative(),
  annotations: z.record(z.string(), z.string()).optional(),
  platform: z
    .object({
      os: z.string().default(''),
      architecture: z.string().default(''),
      variant: z.string().optional(),
    })
    .optional(),
  urls: z.array(z.string()).optional(),
});

const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  config: descriptorSchema,
  layers: z.array(descriptorSchema).max(LAYERS_MAX),
  annotations: z.record(z.string(), z.string()).optional(),
});

const indexSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  manifests: z.array(descriptorSchema).max(INDEX_ENTRIES_MAX),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** Points at a blob (OCI image spec, descriptor). `size` is in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?:
    { readonly os: string; readonly architecture: string; readonly variant?: string | undefined } | undefined;
}

/** The manifest of one image: its configuration and its layers, lowest first. */
export interface ImageManifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** A list of manifests for several platforms. */
export interface ImageIndex {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

/**
 * Parses a manifest or an index, Docker's or OCI's.
 * `contentType` is what the registry said; the document's own `mediaType` wins over it when both are known.
 * Docker's schema 1 is refused by name: it has no content-addressed configuration.
 */
export function parseManifest(bytes: Uint8Array, contentType?: string): Result<ImageManifest | ImageIndex> {
  const document = parseJson(bytes);
  if (!document.ok) {
    return document;
  }
  if (isSchema1(document.value, contentType)) {
    return fail(
      'invalid_argument',
      'the image has a Docker schema 1 manifest, which is not supported; push it again with a current tool',
    );
  }
  const isIndex = isRecord(document.value) && Array.isArray(document.value['manifests']);
  const parsed = isIndex ? indexSchema.safeParse(document.value) : manifestSchema.safeParse(document.value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue === undefined ? '' : ` at ${issue.path.join('.') || 'top'}: ${issue.message}`;
    return fail('invalid_argument', `the manifest is malformed${where}`);
  }
  const stated = parsed.data.mediaType ?? contentType ?? '';
  if ('manifests' in parsed.data) {
    const mediaType = isIndexType(stated) ? stated : MEDIA_TYPES.ociIndex;
    return ok({ kind: 'index', mediaType, manifests: parsed.data.manifests });
  }
  const mediaType = isManifestType(stated) ? stated : MEDIA_TYPES.ociManifest;
  return ok({ kind: 'manifest', mediaType, config: parsed.data.config, layers: parsed.data.layers });
}

function parseJson(bytes: Uint8Array): Result<unknown> {
  try {
    return ok(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown);
  } catch (cause) {
    return { ok: false, error: new SwarmError('invalid_argument', 'the manifest is not JSON', { cause }) };
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSchema1(document: unknown, contentType: string | undefined): boolean {
  return (
    contentType === MEDIA_TYPES.dockerSchema1 ||
    contentType === MEDIA_TYPES.dockerSchema1Signed ||
    (isRecord(document) && document['schemaVersion'] === 1)
  );
}

/**
 * The entry of an index that serves a platform best; entries for no real platform (attestations) never do.
 * Refused with the list of platforms that are there.
 */
export function choosePlatform(index: ImageIndex, wanted: Platform): Result<Descriptor> {
  let best: { distance: number; descriptor: Descriptor } | undefined;
  for (const descriptor of index.manifests) {
    const distance = distanceOf(descriptor, wanted);
    if (distance !== null && (best === undefined || distance < best.distance)) {
      best = { distance, descriptor };
    }
  }
  if (best !== undefined) {
    return ok(best.descriptor);
  }
  const present = index.manifests
    .filter((entry) => entry.platform !== undefined && entry.platform.os !== 'unknown')
    .map((entry) => formatPlatform(toPlatform(entry)));
  return fail(
    'not_found',
    `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries; it has ${present.join(', ') || 'none'}`,
  );
}

function distanceOf(descriptor: Descriptor, wanted: Platform): number | null {
  if (!isManifestType(descriptor.mediaType) && !isIndexType(descriptor.mediaType)) {
    return null;
  }
  // An entry without a platform fits anything, but any entry that names the platform is better.
  return descriptor.platform === undefined ? 100 : platformDistance(wanted, toPlatform(descriptor));
}

function toPlatform(descriptor: Descriptor): Platform {
  const { os = '', architecture = '', variant } = descriptor.platform ?? {};
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}
