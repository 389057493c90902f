import { bootstrapState, type Member } from '@skep/raft';

import { startUnlessDamaged } from '../checkers/anytime-damage-is-refused.ts';
import type { SimMember } from '../sim-member.ts';
import type { SimProcess } from '../sim-process.ts';
import type { SimManager } from './sim-manager.ts';

export interface ManagerProcessPorts {
  readonly process: SimProcess;
  readonly newMember: (raftId: number) => SimMember<SimManager>;
  /** Asks the other managers to take this one in, until one does; forgotten when the process dies. */
  readonly askToJoin: (onTaken: (raftId: number) => void) => void;
}

/**
 * The manager process of a host. One that has nothing on its disk asks to be taken in; what it is given then is its
 * member of the group in all its lives, until the host is to be a worker and its disk is thrown away.
 */
export class ManagerProcess {
  readonly process: SimProcess;
  readonly #ports: ManagerProcessPorts;
  #member: SimMember<SimManager> | undefined;
  #isWanted = false;

  constructor(ports: ManagerProcessPorts) {
    this.#ports = ports;
    this.process = ports.process;
  }

  /** Makes the group, of which this is the only member, and starts. */
  found(self: Member): void {
    this.#isWanted = true;
    this.#member = this.#ports.newMember(self.raftId);
    this.#member.disk.format(bootstrapState([self]));
    this.#member.start();
  }

  /** The member that it runs or would run; undefined before it was taken in. */
  get member(): SimMember<SimManager> | undefined {
    return this.#member;
  }

  /** Whether the host is to have a manager. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** The control plane that runs now. */
  get plane(): SimManager | undefined {
    return this.#member?.isUp === true ? this.#member.application : undefined;
  }

  /** Starts it; false when its log is damaged, and it says so. */
  start(): boolean {
    this.#isWanted = true;
    if (this.#member !== undefined) {
      return startUnlessDamaged(this.#member);
    }
    this.process.start();
    this.#ports.askToJoin((raftId) => {
      this.#member = this.#ports.newMember(raftId);
      this.#member.start();
    });
    return true;
  }

  crash(): void {
    if (this.#member === undefined) {
      this.process.crash();
    } else {
      this.#member.crash();
    }
  }

  /** The host is a worker from now on. */
  discard(): void {
    this.#isWanted = false;
    if (this.process.isUp) {
      this.crash();
    }
    this.#member = undefined;
  }

  pause(): void {
    this.process.pause();
  }

  resume(): void {
    this.process.resume();
    this.#member?.pump();
  }
}
