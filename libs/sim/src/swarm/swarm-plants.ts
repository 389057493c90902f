import type { WriteTx } from '@skep/store';
import { isTerminalState, type Service, type Task } from '@skep/model';
import { AgentMessage, ManagerMessage, decodeFrame, encodeFrame } from '@skep/wire';

import type { SwarmPlant } from '../plants.ts';

/** The transaction that the loops see, changed so that what they decide is the planted mistake. */
export function plantedTx(plant: SwarmPlant | undefined, tx: WriteTx): WriteTx {
  const changes = plant === undefined ? undefined : changesOf(plant, tx);
  if (changes === undefined) {
    return tx;
  }
  return new Proxy(tx, {
    get: (target, name) => {
      const own = changes[name as keyof WriteTx];
      if (own !== undefined) {
        return own;
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

function changesOf(plant: SwarmPlant, tx: WriteTx): Partial<WriteTx> | undefined {
  switch (plant) {
    case 'startBeforeOldEnds': {
      const create: WriteTx['create'] = (kind, object) =>
        tx.create(kind, kind === 'task' ? { ...object, desiredState: 'running' } : object);
      return { create };
    }
    case 'updaterIgnoresParallelism': {
      const get: WriteTx['get'] = (kind, id) => {
        const object = tx.get(kind, id);
        return kind === 'service' && object !== undefined
          ? (withoutParallelism(object as Service) as typeof object)
          : object;
      };
      return { get };
    }
    case 'allocatorIgnoresClaim': {
      const patch: WriteTx['patch'] = (kind, id, fields, options) =>
        tx.patch(kind, id, 'networks' in fields ? { ...fields, ...takenBy(tx, id) } : fields, options);
      return { patch };
    }
    case 'reviveTask': {
      const patch: WriteTx['patch'] = (kind, id, fields, options) => {
        const isEnd = kind === 'task' && 'desiredState' in fields && fields.desiredState === 'remove';
        return tx.patch(kind, id, isEnd ? { ...fields, desiredState: 'running' } : fields, options);
      };
      return { patch };
    }
    default:
      return undefined;
  }
}

/** The addresses of another task that lives, or none. */
function takenBy(tx: WriteTx, id: string): Partial<Pick<Task, 'networks'>> {
  const other = tx
    .list('task')
    .find((task) => task.id !== id && task.networks.length > 0 && !isTerminalState(task.status.state));
  return other === undefined ? {} : { networks: other.networks };
}

function withoutParallelism(service: Service): Service {
  const { spec } = service;
  return {
    ...service,
    spec: {
      ...spec,
      update: { ...spec.update, parallelism: 0 },
      rollback: { ...spec.rollback, parallelism: 0 },
    },
  };
}

/** What an agent hears, changed likewise. */
export function plantedForAgent(
  plant: SwarmPlant | undefined,
  frame: Uint8Array,
  chance: () => number,
): Uint8Array {
  if (plant !== 'loseIncrement') {
    return frame;
  }
  const message = decodeFrame(ManagerMessage, frame);
  const isLost = message.t === 'assignments' && message.mode === 'incremental' && chance() < 0.1;
  return isLost ? encodeFrame({ ...message, changes: [] }) : frame;
}

/** What a manager hears of an agent; undefined when it is lost. */
export function plantedForManager(
  plant: SwarmPlant | undefined,
  frame: Uint8Array,
  context: { readonly chance: () => number; readonly answer: (frame: Uint8Array) => void },
): Uint8Array | undefined {
  if (plant !== 'ackBeforeCommit') {
    return frame;
  }
  const message = decodeFrame(AgentMessage, frame);
  if (message.t !== 'status' || context.chance() > 0.1) {
    return frame;
  }
  context.answer(encodeFrame({ t: 'statusAck', batch: message.batch }));
  return undefined;
}
