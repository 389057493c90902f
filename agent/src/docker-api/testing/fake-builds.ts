import { text } from 'node:stream/consumers';

import { SwarmError } from '@skep/kernel';

import type {
  BuildApi,
  BuildCacheRecord,
  BuildRequest,
  BuildResult,
  CachePruneOptions,
} from '../../engine/build-api.ts';

const CACHE_RECORD: BuildCacheRecord = {
  id: 'cd'.repeat(32),
  parent: null,
  description: 'RUN true',
  isInUse: false,
  isShared: false,
  sizeBytes: 12,
  createdAtMs: 1000,
  lastUsedAtMs: 2000,
  usageCount: 3,
};

/** Builds that read their context and answer at once. The target `broken` fails half-way. */
export class FakeBuilds implements BuildApi {
  readonly requests: BuildRequest[] = [];
  prunes: CachePruneOptions[] = [];

  async build(request: BuildRequest): Promise<BuildResult> {
    this.requests.push(request);
    if (request.source.kind === 'archive') {
      await text(request.source.archive);
    }
    await request.onOutput?.('Step 1/1 : FROM scratch\n');
    if (request.target === 'broken') {
      throw new SwarmError('failed_precondition', 'it broke', { details: { exitCode: 7 } });
    }
    return { imageId: `sha256:${'ab'.repeat(32)}`, tags: request.tags ?? [] };
  }

  async cache(): Promise<readonly BuildCacheRecord[]> {
    return [CACHE_RECORD];
  }

  async pruneCache(options: CachePruneOptions = {}): Promise<{ ids: string[]; reclaimedBytes: number }> {
    this.prunes.push(options);
    return options.isPrunable?.(CACHE_RECORD) === false
      ? { ids: [], reclaimedBytes: 0 }
      : { ids: [CACHE_RECORD.id], reclaimedBytes: CACHE_RECORD.sizeBytes };
  }
}
