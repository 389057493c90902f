import { Controller, Inject } from '@nestjs/common';

import type { ClusterView, JoinTokensView, RaftView, RequestOf, ResponseOf } from '@skep/contract';
import { settleUnlockKey, theCluster, updateCluster, type ControlPlane } from '@skep/controlplane';
import type { RandomBytes } from '@skep/kernel';
import { ClusterSpec, type Cluster } from '@skep/model';

import { summarize, fieldChanges } from '../../common/diff.ts';
import { From, Handles, Input } from '../../common/endpoint.decorator.ts';
import { findNode } from '../../common/lookup.ts';
import { mergePatch } from '../../common/merge-patch.ts';
import type { Caller } from '../../common/request-context.ts';
import { versionOf } from '../../common/targets.ts';
import { validateValue } from '../../common/validate.ts';
import { Writer, toUpdateContext } from '../../common/writer.ts';
import { CONTROL_PLANE, RANDOM_BYTES } from '../../tokens.ts';
import { toClusterView } from '../views.ts';
import { RaftReporter } from './raft-reporter.ts';

@Controller()
export class ClusterController {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(Writer) private readonly writer: Writer,
    @Inject(RaftReporter) private readonly raft: RaftReporter,
    @Inject(RANDOM_BYTES) private readonly randomBytes: RandomBytes,
  ) {}

  @Handles('getCluster')
  get(): ClusterView {
    return this.controlPlane.view((tx) => toClusterView(theCluster(tx)));
  }

  @Handles('patchCluster')
  async patch(
    @Input() { query, body }: RequestOf<'patchCluster'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'patchCluster'>> {
    const before = this.get().spec;
    const { rev } = await this.writer.write<Cluster>(
      caller,
      {
        action: 'cluster.update',
        target: (cluster) => ({ kind: 'cluster', id: cluster.id, name: cluster.spec.name }),
        detail: (cluster) => summarize(fieldChanges(before, cluster.spec)),
      },
      (tx) => {
        const spec = validateValue(ClusterSpec, mergePatch(theCluster(tx).spec, body));
        const cluster = updateCluster(tx, { spec, ...versionOf(query) });
        return settleUnlockKey(tx, cluster, this.randomBytes);
      },
    );
    return { rev, item: this.get() };
  }

  @Handles('getJoinTokens')
  getJoinTokens(): JoinTokensView {
    return this.controlPlane.view((tx) => ({ ...theCluster(tx).joinTokens }));
  }

  @Handles('rotateJoinToken')
  async rotateJoinToken(
    @Input() { body }: RequestOf<'rotateJoinToken'>,
    @From() caller: Caller,
  ): Promise<JoinTokensView> {
    const context = toUpdateContext<string>(caller, {
      action: 'joinToken.rotate',
      target: { kind: 'cluster' },
      detail: body.role,
    });
    await this.controlPlane.rotateJoinToken(context, body.role);
    return this.getJoinTokens();
  }

  @Handles('getRaft')
  getRaft(): RaftView {
    return this.raft.view();
  }

  @Handles('transferLeadership')
  async transferLeadership(@Input() { body }: RequestOf<'transferLeadership'>): Promise<RaftView> {
    const node = this.controlPlane.view((tx) => findNode(tx, body.node, this.controlPlane.nodeId));
    await this.controlPlane.transferLeadership(node.id);
    return this.raft.view();
  }
}
