import { describe, expect, test } from 'vitest';
import { choosePlatform, parseManifest, type ImageIndex } from './manifest.ts';
import { MEDIA_TYPES } from './media-types.ts';
import { parsePlatform, platformDistance, type Platform } from './platform.ts';

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const bytes = (document: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(document));
const descriptor = { mediaType: MEDIA_TYPES.ociConfig, digest: digest('1'), size: 3 };

describe('parseManifest', () => {
  test('reads OCI and Docker manifests', () => {
    const document = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.dockerManifest,
      config: descriptor,
      layers: [descriptor],
    };
    const parsed = parseManifest(bytes(document));
    expect(parsed.ok && parsed.value).toMatchObject({
      kind: 'manifest',
      mediaType: MEDIA_TYPES.dockerManifest,
    });
    const untyped = parseManifest(bytes({ ...document, mediaType: undefined }), MEDIA_TYPES.ociManifest);
    expect(untyped.ok && untyped.value.mediaType).toBe(MEDIA_TYPES.ociManifest);
  });

  test.each([
    ['schema 1', { schemaVersion: 1, name: 'x', fsLayers: [] }, 'schema 1'],
    ['no JSON', undefined, 'not JSON'],
    [
      'a digest that is none',
      { schemaVersion: 2, config: { ...descriptor, digest: 'md5:1' }, layers: [] },
      'config.digest',
    ],
    ['a negative size', { schemaVersion: 2, config: { ...descriptor, size: -1 }, layers: [] }, 'config.size'],
    [
      'too many layers',
      { schemaVersion: 2, config: descriptor, layers: Array(200).fill(descriptor) },
      'layers',
    ],
  ])('refuses %s', (_name, document, message) => {
    const parsed = parseManifest(document === undefined ? new Uint8Array([1, 2]) : bytes(document));
    expect(parsed.ok ? '' : parsed.error.message).toContain(message);
  });
});

describe('choosePlatform', () => {
  const entry = (
    digit: string,
    os: string,
    architecture: string,
    variant?: string,
  ): ImageIndex['manifests'][number] => ({
    mediaType: MEDIA_TYPES.ociManifest,
    digest: digest(digit),
    size: 1,
    platform: { os, architecture, variant },
  });
  const index: ImageIndex = {
    kind: 'index',
    mediaType: MEDIA_TYPES.ociIndex,
    manifests: [
      entry('0', 'unknown', 'unknown'),
      entry('1', 'linux', 'amd64'),
      entry('2', 'linux', 'arm', 'v6'),
      entry('3', 'linux', 'arm', 'v7'),
      entry('4', 'linux', 'arm64', 'v8'),
      entry('5', 'windows', 'amd64'),
    ],
  };
  const platform = (text: string): Platform => {
    const parsed = parsePlatform(text);
    if (!parsed.ok) {
      throw parsed.error;
    }
    return parsed.value;
  };

  test.each([
    ['linux/amd64', '1'],
    ['amd64', '1'],
    ['linux/arm64', '4'],
    ['linux/arm/v7', '3'],
    ['linux/arm/v6', '2'],
    ['linux/arm/v8', '3'],
    ['windows/amd64', '5'],
  ])('%s', (text, digit) => {
    const chosen = choosePlatform(index, platform(text));
    expect(chosen.ok && chosen.value.digest).toBe(digest(digit));
  });

  test('tells what there is when nothing fits', () => {
    const chosen = choosePlatform(index, platform('linux/s390x'));
    expect(chosen.ok ? '' : chosen.error.message).toBe(
      'no matching manifest for linux/s390x in the manifest list entries; it has linux/amd64, linux/arm/v6, ' +
        'linux/arm/v7, linux/arm64/v8, windows/amd64',
    );
  });

  test('an amd64 variant is never chosen for a plain amd64', () => {
    expect(platformDistance(platform('linux/amd64'), platform('linux/amd64/v3'))).toBeNull();
    expect(platformDistance(platform('linux/amd64/v3'), platform('linux/amd64/v2'))).toBe(1);
  });
});
