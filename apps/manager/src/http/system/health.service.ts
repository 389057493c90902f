import { Inject, Injectable } from '@nestjs/common';

import type { HealthView, ManagerView } from '@skep/contract';
import type { ControlPlane } from '@skep/controlplane';
import type { Clock } from '@skep/kernel';

import { LeaderDoor } from '../../common/leader-door.ts';
import { nodeName } from '../../common/lookup.ts';
import { BUILD, type ManagerConfig } from '../../config.ts';
import type { Database } from '../../history/database.ts';
import type { Projector } from '../../history/projector.ts';
import { CLOCK, CONFIG, CONTROL_PLANE, DATABASE, PROJECTOR } from '../../tokens.ts';
import { RaftReporter } from '../cluster/raft-reporter.ts';

/** State of this manager: quorum, how far it is behind, the database. */
@Injectable()
export class HealthService {
  /** When this manager was last seen to have applied all that it knows to be committed. */
  #currentAtMs: number;

  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(CONFIG) private readonly config: ManagerConfig,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(PROJECTOR) private readonly projector: Projector,
    @Inject(RaftReporter) private readonly raft: RaftReporter,
    @Inject(LeaderDoor) private readonly door: LeaderDoor,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.#currentAtMs = clock.monotonicMs();
  }

  /** Changes when the cluster is made anew: a client's place in the stream is void then. */
  get epoch(): string {
    return this.controlPlane.status().clusterId;
  }

  managers(): ManagerView[] {
    return this.raft.managers();
  }

  view(): HealthView {
    const status = this.controlPlane.status();
    const nowMs = this.clock.monotonicMs();
    if (status.appliedRev >= status.commitRev) {
      this.#currentAtMs = nowMs;
    }
    const self = this.controlPlane.view((tx) => tx.get('node', status.nodeId));
    const dbReason = this.database.reason;
    return {
      build: BUILD,
      node: {
        id: status.nodeId,
        name: self === undefined ? this.config.hostname : nodeName(self),
        role: 'manager',
      },
      rev: status.appliedRev,
      quorum: this.door.hasLeader(),
      leader: status.leader?.nodeId ?? null,
      lagMs: nowMs - this.#currentAtMs,
      managers: this.managers(),
      deps: {
        db: this.database.state,
        metrics: 'off',
        ...(dbReason === undefined ? {} : { dbReason }),
        projectedIndex: this.projector.projectedIndex,
      },
    };
  }
}
