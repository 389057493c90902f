import type { ConfigReference, FileTarget, SecretReference } from '@skep/model';

import type { DocumentPath } from './diagnostics.ts';
import type { ComposePayload, ComposeService } from './schema.ts';
import { plain, scopedName, STACK_LABEL, type ServiceContext } from './stack-scope.ts';

/** A secret or config that a stack brings or expects. */
export interface PayloadSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent for external ones, which must exist already. */
  readonly data?: Uint8Array;
}

const DEFAULT_MODE = 0o444;

/** The secrets and configs of one service, as references by name (the control plane resolves them to ids). */
export function payloadReferences(
  service: ComposeService,
  path: DocumentPath,
  context: ServiceContext,
): { secrets?: SecretReference[]; configs?: ConfigReference[] } {
  const secrets = references(service.secrets, { kind: 'secrets', path, context }).map(({ name, file }) => ({
    secretId: '',
    secretName: name,
    file,
  }));
  const configs = references(service.configs, { kind: 'configs', path, context }).map(({ name, file }) => ({
    configId: '',
    configName: name,
    file,
  }));
  return { ...(secrets.length > 0 ? { secrets } : {}), ...(configs.length > 0 ? { configs } : {}) };
}

type Wanted = NonNullable<ComposeService['secrets']>;

interface ReferenceContext {
  readonly kind: 'secrets' | 'configs';
  readonly path: DocumentPath;
  readonly context: ServiceContext;
}

function references(
  wanted: Wanted | undefined,
  { kind, path, context }: ReferenceContext,
): { name: string; file: FileTarget }[] {
  return (wanted ?? []).flatMap((item, index) => {
    const source = typeof item === 'string' ? item : item.source;
    const declared = context.file[kind]?.[source];
    if (declared === undefined) {
      context.report({
        severity: 'error',
        path: [...path, kind, index],
        message: `${kind.slice(0, -1)} "${source}" is not declared; add it under ${kind} at the top level`,
      });
      return [];
    }
    const options = typeof item === 'string' ? undefined : item;
    const fallback = kind === 'secrets' ? source : `/${source}`;
    return [
      {
        name: payloadName(context.stackName, source, declared),
        file: {
          name: options?.target ?? fallback,
          uid: options?.uid ?? '0',
          gid: options?.gid ?? '0',
          mode: options?.mode ?? DEFAULT_MODE,
        },
      },
    ];
  });
}

function payloadName(stackName: string, key: string, declared: ComposePayload): string {
  return scopedName(stackName, key, declared.name ?? (declared.external === true ? key : undefined));
}

/** Translates the top-level secrets or configs. */
export function toPayloads(kind: 'secrets' | 'configs', context: ServiceContext): PayloadSpec[] {
  return Object.entries(context.file[kind] ?? {}).map(([key, declared]) => {
    const name = payloadName(context.stackName, key, declared);
    const labels = { ...plain(declared.labels), [STACK_LABEL]: context.stackName };
    if (declared.external === true) {
      return { name, labels: {} };
    }
    const data = payloadData([kind, key], declared, context);
    return { name, labels, ...(data === undefined ? {} : { data }) };
  });
}

function payloadData(
  path: DocumentPath,
  declared: ComposePayload,
  context: ServiceContext,
): Uint8Array | undefined {
  const found = findPayloadData(declared, context);
  if (typeof found === 'string') {
    context.report({ severity: 'error', path, message: found });
    return undefined;
  }
  return found;
}

/** The content, or the sentence that says why there is none. */
function findPayloadData(
  declared: ComposePayload,
  { variables, files }: ServiceContext,
): Uint8Array | string {
  const given = [declared.file, declared.content, declared.environment].filter(
    (source) => source !== undefined,
  );
  if (given.length !== 1) {
    return 'give exactly one of file, content, environment or external: true';
  }
  if (declared.content !== undefined) {
    return new TextEncoder().encode(declared.content);
  }
  if (declared.environment !== undefined) {
    const value = variables[declared.environment];
    return value === undefined
      ? `variable ${declared.environment} is not set`
      : new TextEncoder().encode(value);
  }
  const file = declared.file ?? '';
  return (
    files[file] ?? `file "${file}" was not sent along; deploy with the CLI from its folder, or use content`
  );
}
