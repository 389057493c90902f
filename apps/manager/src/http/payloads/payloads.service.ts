import { Inject, Injectable } from '@nestjs/common';

import type { ConfigDataView, RequestOf, ResponseOf, SecretView } from '@skep/contract';
import {
  createConfig,
  createSecret,
  removeConfig,
  removeSecret,
  resolveConfig,
  resolveSecret,
  updateConfig,
  updateSecret,
  type ControlPlane,
} from '@skep/controlplane';
import type { Config, Secret } from '@skep/model';

import { Ids } from '../../common/ids.ts';
import { hasLabel, toPage, type ListFacts } from '../../common/list.ts';
import type { Caller } from '../../common/request-context.ts';
import { specTarget, versionOf } from '../../common/targets.ts';
import { Writer } from '../../common/writer.ts';
import { CONTROL_PLANE } from '../../tokens.ts';
import { stackLabel, toConfigDataView, toConfigView, toSecretView } from '../views.ts';

@Injectable()
export class PayloadsService {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(Writer) private readonly writer: Writer,
    @Inject(Ids) private readonly ids: Ids,
  ) {}

  listSecrets(query: RequestOf<'listSecrets'>['query']): ResponseOf<'listSecrets'> {
    return this.controlPlane.view((tx) => {
      const page = toPage(ofStack(tx.list('secret'), query.stack), query, factsOf);
      return { ...page, items: page.items.map(toSecretView), rev: tx.logIndex };
    });
  }

  getSecret(ref: string): SecretView {
    return this.controlPlane.view((tx) => toSecretView(resolveSecret(tx, ref)));
  }

  async createSecret(
    { data, ...spec }: RequestOf<'createSecret'>['body'],
    caller: Caller,
  ): Promise<ResponseOf<'createSecret'>> {
    const { value, rev } = await this.writer.write(
      caller,
      { action: 'secret.create', target: specTarget('secret') },
      (tx) => createSecret(tx, { spec, data: Buffer.from(data, 'base64') }, this.ids),
    );
    return { rev, item: this.getSecret(value.id) };
  }

  async patchSecret(
    { params, query, body }: RequestOf<'patchSecret'>,
    caller: Caller,
  ): Promise<ResponseOf<'patchSecret'>> {
    const { value, rev } = await this.writer.write(
      caller,
      { action: 'secret.update', target: specTarget('secret'), detail: 'labels' },
      (tx) => {
        const { id, spec } = resolveSecret(tx, params.secret);
        return updateSecret(tx, { ref: id, spec: { ...spec, labels: body.labels }, ...versionOf(query) });
      },
    );
    return { rev, item: this.getSecret(value.id) };
  }

  async removeSecret(ref: string, caller: Caller): Promise<ResponseOf<'removeSecret'>> {
    const { rev } = await this.writer.write(
      caller,
      { action: 'secret.remove', target: specTarget('secret') },
      (tx) => removeSecret(tx, ref),
    );
    return { rev };
  }

  listConfigs(query: RequestOf<'listConfigs'>['query']): ResponseOf<'listConfigs'> {
    return this.controlPlane.view((tx) => {
      const page = toPage(ofStack(tx.list('config'), query.stack), query, factsOf);
      return { ...page, items: page.items.map(toConfigView), rev: tx.logIndex };
    });
  }

  getConfig(ref: string): ConfigDataView {
    return this.controlPlane.view((tx) => toConfigDataView(resolveConfig(tx, ref)));
  }

  async createConfig(
    { data, ...spec }: RequestOf<'createConfig'>['body'],
    caller: Caller,
  ): Promise<ResponseOf<'createConfig'>> {
    const { value, rev } = await this.writer.write(
      caller,
      { action: 'config.create', target: specTarget('config') },
      (tx) => createConfig(tx, { spec, data: Buffer.from(data, 'base64') }, this.ids),
    );
    return { rev, item: this.#configView(value.id) };
  }

  async patchConfig(
    { params, query, body }: RequestOf<'patchConfig'>,
    caller: Caller,
  ): Promise<ResponseOf<'patchConfig'>> {
    const { value, rev } = await this.writer.write(
      caller,
      { action: 'config.update', target: specTarget('config'), detail: 'labels' },
      (tx) => {
        const { id, spec } = resolveConfig(tx, params.config);
        return updateConfig(tx, { ref: id, spec: { ...spec, labels: body.labels }, ...versionOf(query) });
      },
    );
    return { rev, item: this.#configView(value.id) };
  }

  async removeConfig(ref: string, caller: Caller): Promise<ResponseOf<'removeConfig'>> {
    const { rev } = await this.writer.write(
      caller,
      { action: 'config.remove', target: specTarget('config') },
      (tx) => removeConfig(tx, ref),
    );
    return { rev };
  }

  #configView(id: string): ResponseOf<'createConfig'>['item'] {
    return this.controlPlane.view((tx) => toConfigView(resolveConfig(tx, id)));
  }
}

function factsOf({ id, spec }: Secret | Config): ListFacts {
  return { id, name: spec.name, labels: spec.labels };
}

function ofStack<T extends Secret | Config>(items: readonly T[], stack: string | undefined): readonly T[] {
  return stack === undefined ? items : items.filter(({ spec }) => hasLabel(spec.labels, stackLabel(stack)));
}
