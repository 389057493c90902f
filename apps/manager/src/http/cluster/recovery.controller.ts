import { createHash } from 'node:crypto';

import { Controller, Inject } from '@nestjs/common';
import type { Logger } from 'pino';

import type { BackupView, RequestOf, UnlockKeyView } from '@skep/contract';
import { replaceUnlockKey, theCluster, type ControlPlane } from '@skep/controlplane';
import { errorMessage, type Clock, type RandomBytes } from '@skep/kernel';

import { From, Handles, Input } from '../../common/endpoint.decorator.ts';
import type { Caller } from '../../common/request-context.ts';
import { Writer, toUpdateContext } from '../../common/writer.ts';
import { CLOCK, CONTROL_PLANE, LOGGER, RANDOM_BYTES } from '../../tokens.ts';

/** What is needed on a bad day: the unlock key, and a copy of the state. */
@Controller()
export class RecoveryController {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(Writer) private readonly writer: Writer,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(RANDOM_BYTES) private readonly randomBytes: RandomBytes,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Handles('getUnlockKey')
  getUnlockKey(): UnlockKeyView {
    return this.controlPlane.view((tx) => ({ unlockKey: theCluster(tx).unlockKey ?? null }));
  }

  @Handles('rotateUnlockKey')
  async rotateUnlockKey(@From() caller: Caller): Promise<UnlockKeyView> {
    const { value } = await this.writer.write(
      caller,
      { action: 'unlockKey.rotate', target: { kind: 'cluster' } },
      (tx) => replaceUnlockKey(tx, theCluster(tx), this.randomBytes),
    );
    return { unlockKey: value };
  }

  @Handles('backupCluster')
  async backup(@Input() { body }: RequestOf<'backupCluster'>, @From() caller: Caller): Promise<BackupView> {
    const createdAtMs = this.clock.nowMs();
    const { file, rev } = await this.controlPlane.backup(body.passphrase);
    this.logger.warn({ actor: caller.actor.name, rev }, 'state of the cluster was copied into a backup');
    await this.#record(caller, rev);
    return {
      clusterId: this.controlPlane.status().clusterId,
      rev,
      createdAtMs,
      sizeBytes: file.byteLength,
      sha256: createHash('sha256').update(file).digest('hex'),
      data: Buffer.from(file).toString('base64'),
    };
  }

  /** A backup is made on any manager and without a quorum too: then it stands in the manager's own log only. */
  async #record(caller: Caller, rev: number): Promise<void> {
    const context = toUpdateContext<undefined>(caller, {
      action: 'cluster.backup',
      target: { kind: 'cluster' },
      detail: `state of index ${String(rev)}`,
    });
    if (!this.controlPlane.status().isLeader) {
      return;
    }
    await this.controlPlane
      .update(context, () => undefined)
      .catch((error: unknown) => {
        this.logger.warn({ err: errorMessage(error) }, 'the backup could not be noted in the audit log');
      });
  }
}
