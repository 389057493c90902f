import { Controller, Inject } from '@nestjs/common';

import type { NetworkView, RequestOf, ResponseOf } from '@skep/contract';
import { createNetwork, removeNetwork, resolveNetwork, type ControlPlane } from '@skep/controlplane';

import { From, Handles, Input } from '../../common/endpoint.decorator.ts';
import { Ids } from '../../common/ids.ts';
import { hasLabel, isAny, toPage } from '../../common/list.ts';
import type { Caller } from '../../common/request-context.ts';
import { specTarget } from '../../common/targets.ts';
import { Writer } from '../../common/writer.ts';
import { CONTROL_PLANE } from '../../tokens.ts';
import { stackLabel } from '../views.ts';

@Controller()
export class NetworksController {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(Writer) private readonly writer: Writer,
    @Inject(Ids) private readonly ids: Ids,
  ) {}

  @Handles('listNetworks')
  list(@Input() { query }: RequestOf<'listNetworks'>): ResponseOf<'listNetworks'> {
    const { driver, stack } = query;
    return this.controlPlane.view((tx) => {
      const networks = tx
        .list('network')
        .filter(
          ({ spec, pendingDelete }) =>
            pendingDelete !== true &&
            isAny(driver, (wanted) => (spec.driver ?? 'overlay') === wanted) &&
            (stack === undefined || hasLabel(spec.labels, stackLabel(stack))),
        );
      const page = toPage(networks, query, ({ id, spec }) => ({ id, name: spec.name, labels: spec.labels }));
      return { ...page, rev: tx.logIndex };
    });
  }

  @Handles('createNetwork')
  async create(
    @Input() { body }: RequestOf<'createNetwork'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'createNetwork'>> {
    const { value, rev } = await this.writer.write(
      caller,
      { action: 'network.create', target: specTarget('network') },
      (tx) => createNetwork(tx, body, this.ids),
    );
    return { rev, item: this.#get(value.id) };
  }

  @Handles('getNetwork')
  get(@Input() { params }: RequestOf<'getNetwork'>): NetworkView {
    return this.#get(params.network);
  }

  @Handles('removeNetwork')
  async remove(
    @Input() { params }: RequestOf<'removeNetwork'>,
    @From() caller: Caller,
  ): Promise<ResponseOf<'removeNetwork'>> {
    const { rev } = await this.writer.write(
      caller,
      { action: 'network.remove', target: specTarget('network') },
      (tx) => removeNetwork(tx, params.network),
    );
    return { rev };
  }

  #get(ref: string): NetworkView {
    return this.controlPlane.view((tx) => resolveNetwork(tx, ref));
  }
}
