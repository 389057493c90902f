import type { Model } from './checker.ts';

export type RegisterInput =
  | { readonly op: 'read' }
  | { readonly op: 'write'; readonly value: string }
  /** Writes if the version is still this one. */
  | { readonly op: 'cas'; readonly version: number; readonly value: string };

export type RegisterOutput =
  | { readonly kind: 'value'; readonly value: string; readonly version: number }
  | { readonly kind: 'written'; readonly version: number }
  | { readonly kind: 'conflict' }
  /** No answer, or one that does not tell whether it was done. */
  | { readonly kind: 'unknown' };

/** `version` is undefined after a write whose answer never came, until a read tells it. */
export interface RegisterState {
  readonly value: string;
  readonly version: number | undefined;
}

/** A register with a version that grows with each write, as every object of the API is one. */
export function registerModel(initial: RegisterState): Model<RegisterState, RegisterInput, RegisterOutput> {
  return {
    initial,
    keyOf: ({ value, version }) => `${value}@${String(version)}`,
    step: (state, input, output) => {
      const mayBe = (version: number): boolean => state.version === undefined || state.version === version;
      switch (output.kind) {
        case 'value':
          return input.op === 'read' && state.value === output.value && mayBe(output.version)
            ? { value: state.value, version: output.version }
            : undefined;
        case 'written': {
          if (input.op === 'read' || (input.op === 'cas' && !mayBe(input.version))) {
            return undefined;
          }
          const grows = state.version === undefined || output.version > state.version;
          return grows ? { value: input.value, version: output.version } : undefined;
        }
        case 'conflict':
          return input.op === 'cas' && state.version !== input.version ? state : undefined;
        case 'unknown':
          if (input.op === 'read') {
            return state;
          }
          // Without effect when the version was another one by then.
          return input.op === 'cas' && !mayBe(input.version)
            ? state
            : { value: input.value, version: undefined };
      }
    },
  };
}
