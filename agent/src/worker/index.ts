// The worker as a simulation runs it: on an engine, connections, timers and a memory of its own.
export { applyAssignments, emptyAssignmentState, type AssignmentState } from './assignment-state.ts';
export type { DialManager, ManagerSocket } from './manager-socket.ts';
export { TASK_ID_LABEL } from './task-container.ts';
export { Worker, type WorkerMemory, type WorkerOptions, type WorkerRuntime } from './worker.ts';
