/** Whether something was asked for and carried out: a request that was cut off leaves `maybe`. */
export type Outcome = 'no' | 'maybe' | 'yes';

/** What a container does: sleeps for ever; ends by itself with a code; is always started again; only while it fails. */
export type Role = 'sleeper' | 'ender' | 'keeper' | 'finisher';

/** What a client of the engine knows of one container of its own. */
export interface Expected {
  readonly name: string;
  readonly role: Role;
  /** The code with which an `ender` ends; a `finisher` ends with 0 and must stay ended. */
  readonly exitCode: number;
  created: Outcome;
  started: Outcome;
  stopped: Outcome;
  removed: Outcome;
  /** Known when the client has seen it run. */
  pid: number;
  /** The host lost its power while it ran, or a removal that was cut off had killed it already: it may end anyhow. */
  isEndUnknown: boolean;
}

/** The part of `GET /containers/<name>/json` that is looked at. */
export interface Inspected {
  readonly Id: string;
  readonly RestartCount: number;
  readonly State: {
    readonly Status: string;
    readonly Pid: number;
    readonly ExitCode: number;
  };
}

/** What is wrong with a container, in a sentence; null when it is as it must be or may still become so. */
export function judge(wanted: Expected, found: Inspected | undefined): string | null {
  if (found === undefined) {
    const mustBeThere = wanted.created === 'yes' && wanted.removed === 'no';
    return mustBeThere ? 'is lost' : null;
  }
  if (wanted.created === 'no') {
    return 'was never asked for';
  }
  if (wanted.removed === 'yes') {
    return 'is there although it was removed';
  }
  if (wanted.started === 'no' && found.State.Status !== 'created') {
    return `is ${found.State.Status} although nobody started it`;
  }
  return judgeRun(wanted, found);
}

function judgeRun(wanted: Expected, { State: state, RestartCount }: Inspected): string | null {
  if (wanted.started !== 'yes' || wanted.stopped === 'maybe' || wanted.removed === 'maybe') {
    return null;
  }
  const isUp = state.Status === 'running' || state.Status === 'restarting';
  const ended = `${state.Status} with code ${String(state.ExitCode)}`;
  if (wanted.role === 'keeper') {
    // `always` means always: after a stop it comes back with the engine.
    return isUp || wanted.stopped === 'yes' ? null : `must be kept up and is ${ended}`;
  }
  if (wanted.stopped === 'yes') {
    return state.Status === 'exited' ? null : `was stopped and is ${state.Status}`;
  }
  if (wanted.isEndUnknown) {
    return null;
  }
  if (wanted.role === 'sleeper') {
    const isSame = wanted.pid === 0 || wanted.pid === state.Pid;
    return state.Status === 'running' && isSame
      ? null
      : `must run on as ${String(wanted.pid)} and is ${ended}`;
  }
  if (state.Status === 'running') {
    return null;
  }
  if (RestartCount > 0) {
    return `was started again ${String(RestartCount)} times`;
  }
  return state.Status === 'exited' && state.ExitCode === wanted.exitCode ? null : `ended as ${ended}`;
}

/** Whether a container still has to come to its end before it can be judged for good. */
export function isUnderWay(wanted: Expected, found: Inspected | undefined): boolean {
  const ends = wanted.role === 'ender' || wanted.role === 'finisher';
  return ends && found !== undefined && found.State.Status === 'running';
}
