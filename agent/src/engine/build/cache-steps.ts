import { fail, ok, type Result } from '@skep/kernel';
import type { ImageConfig, ImageHistory } from '@skep/oci';
import { applyChanges } from '../dockerfile-changes.ts';

/** An instruction that changed the configuration, as builders write it into the history: `#(nop) ENV A=1`. */
interface ConfigStep {
  readonly keyword: string;
  readonly rest: string;
}

/** What an instruction of each kind may change; the last one of its kind left these as the image has them. */
const FIELDS: Readonly<Record<string, readonly (keyof ImageConfig)[]>> = {
  ENV: ['env'],
  LABEL: ['labels'],
  CMD: ['cmd', 'entrypoint'],
  ENTRYPOINT: ['cmd', 'entrypoint'],
  EXPOSE: ['exposedPorts'],
  USER: ['user'],
  VOLUME: ['volumes'],
  WORKDIR: ['workingDir'],
  STOPSIGNAL: ['stopSignal'],
  SHELL: ['shell'],
  HEALTHCHECK: ['healthcheck'],
  ONBUILD: ['onBuild'],
};
/** These change nothing but the history, or files. */
const WITHOUT_CONFIG: readonly string[] = ['ARG', 'ADD', 'COPY', 'MAINTAINER'];

/**
 * The images that stood between `base` and `source`, which {@link isBuiltOn} it, lowest first and without the two: what a
 * builder must find to take the steps of `source` for done. The history says how they followed each other; it does not
 * say their configurations, so these are worked out again. Fails, with a reason for people, when that cannot be done.
 */
export function cacheSteps(base: ImageConfig, source: ImageConfig): Result<readonly ImageConfig[]> {
  const added = source.history.slice(base.history.length);
  const foreign = added.find(({ createdBy }) => !/^(\/bin\/sh -c |\|\d+ )/.test(createdBy));
  if (foreign !== undefined) {
    return fail(
      'failed_precondition',
      'it was made by another kind of builder, whose steps have other names',
    );
  }
  const layers = added.filter((entry) => !entry.isEmptyLayer).length;
  if (base.diffIds.length + layers !== source.diffIds.length) {
    return fail('failed_precondition', 'its history does not fit its layers');
  }
  const steps = added.map(configStepOf);
  const configs: ImageConfig[] = [];
  let current: ImageConfig = {
    ...base,
    os: source.os,
    architecture: source.architecture,
    variant: source.variant,
  };
  for (const [index, entry] of added.slice(0, -1).entries()) {
    const changed = applyStep(current, { steps, index, source });
    if (!changed.ok) {
      return changed;
    }
    const count = base.diffIds.length + added.slice(0, index + 1).filter((one) => !one.isEmptyLayer).length;
    current = {
      ...changed.value,
      created: entry.created,
      author: entry.author,
      comment: '',
      diffIds: source.diffIds.slice(0, count),
      history: source.history.slice(0, base.history.length + index + 1),
    };
    configs.push(current);
  }
  return ok(configs);
}

/** Whether the history and layers of an image begin with those of another, and go on. */
export function isBuiltOn(base: ImageConfig, image: ImageConfig): boolean {
  return (
    image.history.length > base.history.length &&
    base.history.every((entry, index) => isSameEntry(entry, image.history[index])) &&
    base.diffIds.every((diffId, index) => diffId === image.diffIds[index])
  );
}

function isSameEntry(entry: ImageHistory, other: ImageHistory | undefined): boolean {
  return JSON.stringify(entry) === JSON.stringify(other);
}

function configStepOf({ createdBy }: ImageHistory): ConfigStep | undefined {
  const match = /^\/bin\/sh -c #\(nop\) {1,2}(\w+)\s*(.*)$/s.exec(createdBy);
  const keyword = match?.[1]?.toUpperCase() ?? '';
  return match === null || WITHOUT_CONFIG.includes(keyword) ? undefined : { keyword, rest: match[2] ?? '' };
}

function applyStep(
  config: ImageConfig,
  at: {
    readonly steps: readonly (ConfigStep | undefined)[];
    readonly index: number;
    readonly source: ImageConfig;
  },
): Result<ImageConfig> {
  const step = at.steps[at.index];
  if (step === undefined) {
    return ok(config);
  }
  const fields = FIELDS[step.keyword];
  const text = `${step.keyword} ${step.rest}`;
  const isLast = !at.steps
    .slice(at.index + 1)
    .some(
      (later) =>
        later !== undefined && FIELDS[later.keyword]?.some((field) => fields?.includes(field)) === true,
    );
  if (fields !== undefined && isLast) {
    return ok({ ...config, ...Object.fromEntries(fields.map((field) => [field, at.source[field]])) });
  }
  // Variables have the values of the moment, and a relative directory depends on more than its step.
  const isPlain = !step.rest.includes('$') && !(step.keyword === 'WORKDIR' && !step.rest.startsWith('/'));
  const changed = isPlain ? applyChanges(config, [text]) : undefined;
  if (changed?.ok !== true) {
    return fail(
      'failed_precondition',
      `what its step "${text.slice(0, 60)}" did cannot be told from its history`,
    );
  }
  // An entrypoint takes the command of the base away.
  return ok(step.keyword === 'ENTRYPOINT' ? { ...changed.value, cmd: [] } : changed.value);
}
