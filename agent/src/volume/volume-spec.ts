import { SwarmError } from '@skep/kernel';
import type { VolumeOptions } from './mount-options.ts';
import type { VolumeSpec } from './volume-api.ts';

const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
/** Longest name of a directory. */
const NAME_LENGTH_MAX = 255;
const OPTION_NAMES: readonly string[] = ['type', 'device', 'o', 'size'];
/** What each option is nothing without. */
const NEEDED: readonly (readonly [string, readonly string[]])[] = [
  ['device', ['type']],
  ['type', ['device']],
  ['o', ['device', 'type']],
];

/** Refuses a volume that cannot be made, in Docker's words. @throws SwarmError `invalid_argument`, `not_found`. */
export function checkVolumeSpec(name: string, spec: VolumeSpec): void {
  const { driver = '', options = {} } = spec;
  if (driver !== '' && driver !== 'local') {
    throw new SwarmError(
      'not_found',
      `create ${shown(name)}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
    );
  }
  checkName(name);
  const refuse = (reason: string): SwarmError =>
    new SwarmError('invalid_argument', `create ${name}: ${reason}`);
  for (const key of Object.keys(options)) {
    if (!OPTION_NAMES.includes(key)) {
      throw refuse(`invalid option: ${JSON.stringify(key.slice(0, 60))}`);
    }
  }
  if (options['size'] !== undefined) {
    throw refuse('quota size requested but no quota support');
  }
  const needs = NEEDED.filter(([key]) => options[key] !== undefined).flatMap(([, keys]) => keys);
  const missing = needs.find((key) => options[key] === undefined);
  if (missing !== undefined) {
    throw refuse(`missing required option: "${missing}"`);
  }
  if (options['type'] === 'cifs' && /^[^/]*\/\/[^/]*:\d+(\/|$)/.test(options['device'] ?? '')) {
    throw refuse("port not allowed in CIFS device URL, include 'port' in 'o='");
  }
}

function checkName(name: string): void {
  if (name.length === 1) {
    throw new SwarmError(
      'invalid_argument',
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    );
  }
  if (!NAME_PATTERN.test(name)) {
    throw new SwarmError(
      'invalid_argument',
      `create ${shown(name)}: "${shown(name)}" includes invalid characters for a local volume name, only ` +
        '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    );
  }
  if (name.length > NAME_LENGTH_MAX) {
    throw new SwarmError(
      'invalid_argument',
      `create ${shown(name)}...: volume name is too long, it has ${String(name.length)} characters; ` +
        `use at most ${String(NAME_LENGTH_MAX)}`,
    );
  }
}

function shown(name: string): string {
  return name.slice(0, 80);
}

/** Whether a volume that exists is what is asked for again: nothing is asked for, or the same options. */
export function isSameVolume(existing: VolumeOptions, asked: VolumeOptions | undefined): boolean {
  const wanted = Object.entries(asked ?? {});
  return (
    wanted.length === 0 ||
    (wanted.length === Object.keys(existing).length &&
      wanted.every(([key, value]) => existing[key] === value))
  );
}
