import type { Logger } from 'pino';

import { SwarmError, errorMessage } from '@skep/kernel';

import { applyKernelOps } from './apply.ts';
import type { FailedOp } from './apply.ts';
import { deviceOf } from './kernel-object.ts';
import type { KernelObject, KernelState } from './kernel-object.ts';
import type { Naming } from './naming.ts';
import { NftTables } from './nft-tables.ts';
import { observeKernel } from './observe.ts';
import type { Observation } from './observe.ts';
import type { NetworkPlan } from './plan.ts';
import { applyOps, reconcile } from './reconcile.ts';
import { ourTableFamilies } from './parse-nft.ts';
import { SharedPass } from './shared-pass.ts';

export interface KernelFollowerOptions {
  readonly naming: Naming;
  readonly logger: Logger;
  /** Makes the plan of the moment; called once per pass. */
  readonly plan: () => NetworkPlan;
  /** Told what each look at the kernel saw, before the plan is made. */
  readonly onLook: (observation: Observation) => void;
  readonly monotonicMs: () => number;
}

export interface FollowerStats {
  passes: number;
  lastPassMs: number;
  failures: number;
  problems: readonly string[];
}

type Change = (state: KernelState) => KernelState;

/** After a refusal the kernel is looked at afresh and tried again, later and later. */
const RETRY_MS = [250, 1000, 4000, 15_000] as const;
/** The kernel is looked at now and then even when all went well: others have root too. */
const LOOK_EVERY_MS = 60_000;

/**
 * Makes the kernel follow the plan. Passes run one at a time; all that asked while one ran share the next, so a burst
 * of containers costs a handful of child processes.
 */
export class KernelFollower {
  readonly stats: FollowerStats = { passes: 0, lastPassMs: 0, failures: 0, problems: [] };
  readonly #options: KernelFollowerOptions;
  /** What the kernel holds as far as known. */
  #found: KernelState | undefined;
  #mustLook = true;
  /** What was told while the kernel was being looked at: its answer may be older. */
  #toldMeanwhile: Change[] | undefined;
  readonly #nft: NftTables;
  #retries = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #passes = new SharedPass(() => this.#pass(), 'the networks of this host are closed');

  constructor(options: KernelFollowerOptions) {
    this.#options = options;
    this.#nft = new NftTables(options.naming.nftTable);
  }

  /** Resolves when a pass that began after this call has brought the kernel to the plan; rejects when it could not. */
  follow(): Promise<void> {
    return this.#passes.run();
  }

  /** Tells of objects that came into being outside a pass. */
  note(objects: readonly KernelObject[]): void {
    this.#change((state) => withObjects(state, objects));
  }

  /** Tells that devices go by themselves, with the namespace of their other end. */
  forgetDevices(names: ReadonlySet<string>): void {
    this.#change((state) => withoutDevices(state, names));
  }

  /** Waits for the pass that runs and ends. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#passes.close();
  }

  /** Removes everything of ours from the kernel, in one last pass. Call after {@link close}. */
  async removeAll(): Promise<void> {
    const { naming } = this.#options;
    const { kernel, chains } = await observeKernel(naming, new Map());
    this.#nft.seen(ourTableFamilies(naming.nftTable, chains));
    await this.#nft.removeAll();
    const failures = await applyKernelOps(reconcile(new Map(), kernel).removals);
    if (failures.length > 0) {
      throw failureOf(failures);
    }
  }

  async #pass(): Promise<void> {
    const { logger, monotonicMs } = this.#options;
    const startMs = monotonicMs();
    let plan = this.#options.plan();
    try {
      if (this.#mustLook || this.#found === undefined) {
        this.#mustLook = false;
        this.#found = await this.#look(plan);
        // Containers may have come and gone while the kernel was asked.
        plan = this.#options.plan();
      }
      const found = this.#found;
      const ops = reconcile(plan.kernel, found);
      const failures = await applyKernelOps(ops.additions);
      await this.#nft.follow(plan);
      failures.push(...(await applyKernelOps(ops.removals)));
      const known = this.#found;
      this.#found = applyOps(applyOps(known, ops.additions), ops.removals);
      if (ops.lostVeths.length > 0) {
        logger.error({ devices: ops.lostVeths }, 'container interfaces are gone');
      }
      this.stats.problems = [
        ...plan.problems,
        ...ops.lostVeths.map((name) => `interface ${name} of a container is gone; restart the container`),
      ];
      // What was about a device that has left in the meantime is no failure.
      const real = failures.filter(
        (failure) => failure.device === undefined || hasDevice(known, failure.device),
      );
      if (real.length > 0) {
        throw failureOf(real);
      }
      this.#retries = 0;
      this.#schedule(LOOK_EVERY_MS);
    } catch (error) {
      this.stats.failures += 1;
      this.stats.problems = [...plan.problems, errorMessage(error)];
      logger.warn({ err: error, retries: this.#retries }, 'kernel did not follow the network plan');
      this.#mustLook = true;
      this.#nft.forget();
      const wait = RETRY_MS[Math.min(this.#retries, RETRY_MS.length - 1)] ?? LOOK_EVERY_MS;
      this.#retries += 1;
      this.#schedule(wait);
      throw error;
    } finally {
      this.stats.passes += 1;
      this.stats.lastPassMs = monotonicMs() - startMs;
    }
  }

  async #look(plan: NetworkPlan): Promise<KernelState> {
    const told: Change[] = [];
    this.#toldMeanwhile = told;
    try {
      const observation = await observeKernel(this.#options.naming, plan.kernel);
      this.#nft.seen(ourTableFamilies(this.#options.naming.nftTable, observation.chains));
      this.#options.onLook(observation);
      return told.reduce((state, change) => change(state), observation.kernel);
    } finally {
      this.#toldMeanwhile = undefined;
    }
  }

  #change(change: Change): void {
    this.#toldMeanwhile?.push(change);
    if (this.#found !== undefined) {
      this.#found = change(this.#found);
    }
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#passes.isClosed) {
      return;
    }
    this.#timer = setTimeout(() => {
      void this.#lookAgain();
    }, delayMs);
    this.#timer.unref();
  }

  async #lookAgain(): Promise<void> {
    try {
      if (!(await this.#nft.check())) {
        this.#options.logger.warn('nft table was changed by someone else');
      }
      this.#mustLook = true;
      await this.follow();
    } catch {
      // The pass has logged it and set the next retry.
    }
  }
}

function withoutDevices(found: KernelState, names: ReadonlySet<string>): KernelState {
  return new Map(
    [...found].filter(([, object]) => {
      const device = deviceOf(object);
      return device === undefined || !names.has(device);
    }),
  );
}

function hasDevice(state: KernelState, device: string): boolean {
  return state.has(`link ${device}`);
}

function withObjects(found: KernelState, objects: readonly KernelObject[]): KernelState {
  return applyOps(
    found,
    objects.map((object) => ({ type: 'add', object })),
  );
}

function failureOf(failures: readonly FailedOp[]): SwarmError {
  const [first] = failures;
  const more = failures.length > 1 ? ` (and ${String(failures.length - 1)} more)` : '';
  return new SwarmError(
    'unavailable',
    `the kernel refused "${first?.command ?? ''}": ${first?.reason ?? ''}${more}`,
    { details: { failures: failures.slice(0, 20) } },
  );
}
