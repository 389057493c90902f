import { SwarmError } from '@skep/kernel';

import type { NodeControl, NodeControlInfo, SwarmInitOptions, SwarmJoinOptions } from '../node-control.ts';

const OUTSIDE: NodeControlInfo = {
  state: 'inactive',
  nodeId: '',
  nodeAddr: '',
  isManager: false,
  error: '',
  managers: [],
};

/** A node that does as it is told and remembers it. */
export class FakeNode implements NodeControl {
  current: NodeControlInfo = OUTSIDE;
  lastInit: SwarmInitOptions | undefined;
  lastJoin: SwarmJoinOptions | undefined;
  readonly #nodeId: string;

  constructor(nodeId: string) {
    this.#nodeId = nodeId;
  }

  async info(): Promise<NodeControlInfo> {
    return this.current;
  }

  async init(options: SwarmInitOptions): Promise<string> {
    this.lastInit = options;
    this.current = {
      ...OUTSIDE,
      state: 'active',
      nodeId: this.#nodeId,
      nodeAddr: '10.0.0.1',
      isManager: true,
    };
    return this.#nodeId;
  }

  restore(options: SwarmInitOptions): Promise<string> {
    return this.init(options);
  }

  async join(options: SwarmJoinOptions): Promise<void> {
    if (!options.joinToken.startsWith('SWMTKN-1-')) {
      throw new SwarmError('invalid_argument', 'invalid join token');
    }
    this.lastJoin = options;
    this.current = { ...OUTSIDE, state: 'active', nodeId: this.#nodeId, nodeAddr: '10.0.0.2' };
  }

  async leave({ force }: { readonly force: boolean }): Promise<void> {
    if (this.current.isManager && !force) {
      throw new SwarmError(
        'not_manager',
        'You are attempting to leave the swarm on a node that is participating as a manager. ' +
          'Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message.',
      );
    }
    this.current = OUTSIDE;
  }

  async unlock(): Promise<void> {
    this.current = { ...this.current, state: 'active' };
  }
}
