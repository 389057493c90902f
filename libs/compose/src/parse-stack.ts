import type { z } from 'zod';

import { NetworkSpec, ObjectName, ServiceSpec } from '@skep/model';

import type { Diagnostic, DocumentPath, Finding } from './diagnostics.ts';
import { interpolate } from './interpolate.ts';
import { toPayloads, type PayloadSpec } from './payloads.ts';
import { ComposeFile, REFUSED_SERVICE_KEYS, type ComposeNetwork } from './schema.ts';
import { toServiceSpec } from './service-spec.ts';
import { STACK_LABEL, compact, plain, scopedName, type ServiceContext } from './stack-scope.ts';
import { valueAt, YamlSource } from './yaml-source.ts';

/** Longest stack text that is read, in characters. */
export const STACK_TEXT_MAX = 1024 * 1024;

export interface StackInput {
  readonly name: string;
  readonly text: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Files the text speaks of (env_file, secrets and configs with `file:`), by the path as written. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** A network of a stack; external ones must exist already. */
export interface StackNetwork {
  readonly isExternal: boolean;
  readonly spec: NetworkSpec;
}

/** A stack as objects for the cluster. References between them are by name. */
export interface StackSpecs {
  readonly name: string;
  readonly services: readonly ServiceSpec[];
  readonly networks: readonly StackNetwork[];
  readonly secrets: readonly PayloadSpec[];
  readonly configs: readonly PayloadSpec[];
  /** Names of the variables the text uses. */
  readonly variables: readonly string[];
}

export type StackResult =
  | { readonly ok: true; readonly stack: StackSpecs; readonly diagnostics: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Reads a compose file as a stack. Everything wrong is reported at once, each remark with line and column; keys that
 * the cluster cannot honour are errors, never ignored.
 */
export function parseStack(input: StackInput): StackResult {
  if (input.text.length > STACK_TEXT_MAX) {
    return failure([documentError('the stack is longer than 1 MiB')]);
  }
  const source = new YamlSource(input.text);
  const syntax = source.syntaxErrors();
  if (syntax.length > 0) {
    return failure(syntax);
  }
  const document = source.toValue();
  if (!document.ok) {
    return failure([document.diagnostic]);
  }
  const {
    value,
    findings: interpolation,
    names,
  } = interpolate(withoutExtensions(document.value), input.variables ?? {});
  const findings: Finding[] = [...interpolation, ...nameFindings(input.name)];
  const parsed = ComposeFile.safeParse(value ?? {});
  if (!parsed.success) {
    findings.push(...parsed.error.issues.flatMap((issue) => findingsOf(issue, value)));
    return failure(sorted(findings.map((finding) => source.locate(finding))));
  }
  const stack = toStackSpecs(input, parsed.data, { findings, variables: names });
  const diagnostics = sorted(findings.map((finding) => source.locate(finding)));
  return diagnostics.some(({ severity }) => severity === 'error')
    ? failure(diagnostics)
    : { ok: true, stack, diagnostics };
}

interface Collected {
  readonly findings: Finding[];
  readonly variables: readonly string[];
}

function toStackSpecs(input: StackInput, file: ComposeFile, { findings, variables }: Collected): StackSpecs {
  const report = (finding: Finding): void => {
    findings.push(finding);
  };
  if (file.version !== undefined) {
    report({
      severity: 'warning',
      path: ['version'],
      atKey: true,
      message: 'version is obsolete and has no effect; remove it',
    });
  }
  const keys = Object.keys(file.services);
  if (keys.length === 0) {
    report({ severity: 'error', path: ['services'], message: 'a stack needs at least one service' });
  }
  const context: ServiceContext = {
    stackName: input.name,
    file,
    variables: input.variables ?? {},
    files: input.files ?? {},
    report,
  };
  const services = keys.flatMap((key) => {
    const service = file.services[key];
    return service === undefined
      ? []
      : [checked(ServiceSpec, toServiceSpec(key, service, context), { path: ['services', key], report })];
  });
  return {
    name: input.name,
    services,
    networks: toNetworks(services, context),
    secrets: toPayloads('secrets', context),
    configs: toPayloads('configs', context),
    variables,
  };
}

function toNetworks(services: readonly ServiceSpec[], context: ServiceContext): StackNetwork[] {
  const used = new Set(services.flatMap(({ task }) => (task.networks ?? []).map(({ target }) => target)));
  const implied: Record<string, ComposeNetwork> = used.has(scopedName(context.stackName, 'default'))
    ? { default: null }
    : {};
  const declared: Record<string, ComposeNetwork> = { ...implied, ...context.file.networks };
  return Object.entries(declared).map(([key, network]) => {
    const isExternal = network?.external === true;
    const name = scopedName(context.stackName, key, network?.name ?? (isExternal ? key : undefined));
    const spec: NetworkSpec = compact({
      name,
      labels: { ...plain(network?.labels), [STACK_LABEL]: context.stackName },
      driver: 'overlay' as const,
      driverOpts: network?.driver_opts,
      internal: network?.internal,
      attachable: network?.attachable,
      ipam:
        network?.ipam === undefined
          ? undefined
          : compact({
              driver: network.ipam.driver,
              configs: network.ipam.config?.map((config) =>
                compact({ subnet: config.subnet, gateway: config.gateway, range: config.ip_range }),
              ),
            }),
    });
    return {
      isExternal,
      spec: checked(NetworkSpec, spec, { path: ['networks', key], report: context.report }),
    };
  });
}

interface CheckContext {
  readonly path: DocumentPath;
  readonly report: (finding: Finding) => void;
}

/** Reports what the cluster's own schema says of a translated object, at the place it came from. */
function checked<S extends z.ZodType>(
  schema: S,
  value: z.infer<S>,
  { path, report }: CheckContext,
): z.infer<S> {
  const result = schema.safeParse(value);
  if (!result.success) {
    for (const issue of result.error.issues) {
      report({ severity: 'error', path, atKey: true, message: `${issue.path.join('.')}: ${issue.message}` });
    }
  }
  return value;
}

function nameFindings(name: string): Finding[] {
  const result = ObjectName.safeParse(name);
  return result.success
    ? []
    : [
        {
          severity: 'error',
          path: [],
          message: `stack name "${name}": ${result.error.issues[0]?.message ?? 'invalid'}`,
        },
      ];
}

/** Turns a schema issue into remarks in the words of a compose file. */
function findingsOf(issue: z.core.$ZodIssue, root: unknown): Finding[] {
  const path = issue.path.filter((step): step is string | number => typeof step !== 'symbol');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      severity: 'error',
      path: [...path, key],
      atKey: true,
      message: unsupported(path, key),
    }));
  }
  if (issue.code === 'invalid_union') {
    const closest = closestBranch(issue.errors);
    return closest.flatMap((inner) => findingsOf({ ...inner, path: [...path, ...inner.path] }, root));
  }
  const value = valueAt(root, path);
  if (value === undefined) {
    const missing = path.at(-1);
    return [{ severity: 'error', path, message: `${String(missing ?? 'the document')} is required` }];
  }
  return [{ severity: 'error', path, message: `${JSON.stringify(value).slice(0, 80)}: ${issue.message}` }];
}

/** Of the alternatives of a union, the one that got furthest: its issues are the ones a person meant. */
function closestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const depth = (issues: readonly z.core.$ZodIssue[]): number =>
    Math.max(0, ...issues.map(({ path }) => path.length));
  const ranked = [...branches].sort((a, b) => depth(b) - depth(a) || rankOfKind(b) - rankOfKind(a));
  return ranked[0] ?? [];
}

function rankOfKind(issues: readonly z.core.$ZodIssue[]): number {
  return issues.some(({ code }) => code !== 'invalid_type') ? 1 : 0;
}

function unsupported(path: DocumentPath, key: string): string {
  const isService = path.length === 2 && path[0] === 'services';
  const why = isService ? REFUSED_SERVICE_KEYS[key] : undefined;
  return `${key} is not supported${why === undefined ? '' : `: ${why}`}`;
}

/** Extension fields (`x-...`) are allowed at the top level and in services, and carry no meaning. */
function withoutExtensions(root: unknown): unknown {
  const strip = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('x-')))
      : value;
  const top = strip(root);
  const services = valueAt(top, ['services']);
  if (typeof services !== 'object' || services === null || Array.isArray(services)) {
    return top;
  }
  const stripped = Object.fromEntries(
    Object.entries(services).map(([key, service]) => [key, strip(service)]),
  );
  return { ...(top as object), services: stripped };
}

function documentError(message: string): Diagnostic {
  return { severity: 'error', line: 1, column: 1, endLine: 1, endColumn: 1, path: '', message };
}

function failure(diagnostics: readonly Diagnostic[]): StackResult {
  return { ok: false, diagnostics };
}

function sorted(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...diagnostics].sort((a, b) => a.line - b.line || a.column - b.column);
}
