import { familiarReference, parseReferenceParts, type StoredImage, type UnpackedLayer } from '@skep/oci';
import type { ImageDetails, ImageSummary } from './image-api.ts';

export interface ImageFacts {
  /** Full references. */
  readonly references: readonly string[];
  readonly layers: readonly UnpackedLayer[];
  readonly containers: number;
}

/** One line of `docker images`. */
export function toImageSummary(image: StoredImage, facts: ImageFacts): ImageSummary {
  const names = facts.references.flatMap((name) => {
    const parsed = parseReferenceParts(name);
    return parsed.ok
      ? [{ text: familiarReference(parsed.value), isDigest: parsed.value.digest !== undefined }]
      : [];
  });
  return {
    id: image.id,
    tags: names.filter((name) => !name.isDigest).map((name) => name.text),
    digests: names.filter((name) => name.isDigest).map((name) => name.text),
    createdAtMs: Date.parse(image.config.created) || 0,
    sizeBytes: facts.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
    labels: image.config.labels,
    architecture: image.config.architecture,
    os: image.config.os,
    containers: facts.containers,
  };
}

/** `docker image inspect`. */
export function toImageDetails(image: StoredImage, summary: ImageSummary): ImageDetails {
  const { config } = image;
  return {
    ...summary,
    variant: config.variant,
    author: config.author,
    // Builders write a comment into the history only.
    comment: config.comment === '' ? (config.history.at(-1)?.comment ?? '') : config.comment,
    config: {
      env: config.env,
      cmd: config.cmd,
      entrypoint: config.entrypoint,
      workingDir: config.workingDir,
      user: config.user,
      exposedPorts: config.exposedPorts,
      volumes: config.volumes,
      labels: config.labels,
      stopSignal: config.stopSignal,
      healthcheck: config.healthcheck,
      shell: config.shell,
      onBuild: config.onBuild,
    },
    layers: config.diffIds,
    manifestDigest: image.manifestDigest,
    lastTaggedAtMs: image.taggedAtMs,
  };
}
