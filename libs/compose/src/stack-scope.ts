import type { Finding } from './diagnostics.ts';
import type { ComposeFile } from './schema.ts';

/** Labels that Docker's clients find the objects of a stack by. */
export const STACK_LABEL = 'com.docker.stack.namespace';
export const STACK_IMAGE_LABEL = 'com.docker.stack.image';

/** What a service's translation needs to know besides the service itself. */
export interface ServiceContext {
  readonly stackName: string;
  readonly file: ComposeFile;
  readonly variables: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly report: (finding: Finding) => void;
}

/** Name of an object of a stack in the cluster: `<stack>_<name>`, unless it has a name of its own. */
export function scopedName(stackName: string, key: string, given?: string): string {
  return given ?? `${stackName}_${key}`;
}

/** Labels and the like as plain texts: a missing value is an empty one. */
export function plain(values: Readonly<Record<string, string | null>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(values ?? {}).map(([key, value]) => [key, value ?? '']));
}

/** The object without its undefined properties. */
export function compact<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}
