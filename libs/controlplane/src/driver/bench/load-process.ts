import { etcdTarget } from './etcd-target.ts';
import { memberTarget, runLoad } from './wire-load.ts';

/** The clients of a benchmark, in a process of their own: the same program loads both systems. */
export interface LoadOrder {
  readonly system: 'skep' | 'etcd';
  readonly port: number;
  readonly kind: 'write' | 'read';
  readonly clients: number;
  readonly seconds: number;
}

process.on('message', (order: LoadOrder) => {
  const target = order.system === 'etcd' ? etcdTarget(order.port) : memberTarget(order.port);
  runLoad(target, order).then(
    (value) => process.send?.({ value }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
