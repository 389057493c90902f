export { run, must, type CommandResult } from '../lab/command.ts';
export { Host } from '../lab/host.ts';
export { Lab, type HostReport, type LabReport, type UpOptions } from '../lab/lab.ts';
export { callSocket, mustCall, type LocalAnswer } from '../lab/local-api.ts';
export { REGISTRY, SAMPLE_IMAGE } from '../lab/paths.ts';
export { waitUntil } from '../lab/processes.ts';
export { pushSample } from '../lab/registry.ts';
