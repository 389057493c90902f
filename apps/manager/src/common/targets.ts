/** The target of an audit entry for an object whose name stands in its spec. */
export function specTarget(kind: string): (object: {
  readonly id: string;
  readonly spec: { readonly name?: string | undefined };
}) => {
  kind: string;
  id: string;
  name: string;
} {
  return (object) => ({ kind, id: object.id, name: object.spec.name ?? object.id });
}

/** The optimistic lock of a request, absent when the client did not ask for it. */
export function versionOf(query: { readonly version?: number | undefined }): { readonly version?: number } {
  return query.version === undefined ? {} : { version: query.version };
}
