export type { Diagnostic } from './diagnostics.ts';
export { readEnvFile } from './env-file.ts';
export {
  parseStack,
  STACK_TEXT_MAX,
  type StackInput,
  type StackNetwork,
  type StackResult,
  type StackSpecs,
} from './parse-stack.ts';
export type { PayloadSpec } from './payloads.ts';
export { parseShortPort, parseShortVolume } from './short-syntax.ts';
export { STACK_IMAGE_LABEL, STACK_LABEL } from './stack-scope.ts';
