import { Inject, Injectable } from '@nestjs/common';

import type { ControlEnv } from '@skep/controlplane';
import { newObjectId, type RandomBytes } from '@skep/kernel';

import { RANDOM_BYTES } from '../tokens.ts';

/** Makes the ids of new objects. */
@Injectable()
export class Ids implements ControlEnv {
  constructor(@Inject(RANDOM_BYTES) private readonly randomBytes: RandomBytes) {}

  readonly newId = (): string => newObjectId(this.randomBytes);
}
