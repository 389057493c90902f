const FULL_NAME = 'io.containerd.image.name';
const REF_NAME = 'org.opencontainers.image.ref.name';

/**
 * The name of an image in an OCI layout, by the annotations of its descriptor: containerd's full name; else the
 * layout's own, in which skopeo and buildah write a whole reference and others (as the spec has it) only a tag. A tag
 * alone, or a name without one, which looks the same, names nothing: undefined.
 */
export function nameInLayout(annotations: Readonly<Record<string, string>> | undefined): string | undefined {
  const own = annotations?.[REF_NAME] ?? '';
  return annotations?.[FULL_NAME] ?? (/[:/]/.test(own) ? own : undefined);
}
