import { limitNewSpace } from './supervise/frugal-heap.ts';

// It may start this process anew: loading the program, the longest part of a start, must not happen twice.
limitNewSpace();
await import('./program.ts');
