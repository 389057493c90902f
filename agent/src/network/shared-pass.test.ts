import { describe, expect, test } from 'vitest';

import { SharedPass } from './shared-pass.ts';

/** A job whose passes end when told, and which counts how many ran at once. */
class Job {
  readonly pending: PromiseWithResolvers<void>[] = [];
  started = 0;
  running = 0;
  mostAtOnce = 0;

  readonly pass = new SharedPass(async () => {
    this.started += 1;
    this.running += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.running);
    const turn = Promise.withResolvers<undefined>();
    this.pending.push(turn as PromiseWithResolvers<void>);
    try {
      await turn.promise;
    } finally {
      this.running -= 1;
    }
  }, 'it is closed');

  end(): void {
    this.pending.shift()?.resolve();
  }
}

describe('shared pass', () => {
  test('those who ask while a pass runs share the next', async () => {
    const job = new Job();
    const first = job.pass.run();
    const others = [job.pass.run(), job.pass.run(), job.pass.run()];
    expect(job.started).toBe(1);
    job.end();
    await first;
    expect(job.started).toBe(2);
    job.end();
    await Promise.all(others);
    expect(job).toMatchObject({ started: 2, mostAtOnce: 1 });
  });

  test('one who asks again in the turn in which its pass ended does not run beside the next', async () => {
    const job = new Job();
    const again = job.pass.run().then(() => job.pass.run());
    const waiting = job.pass.run();
    job.end();
    await Promise.resolve();
    await Promise.resolve();
    job.end();
    await waiting;
    job.end();
    await again;
    expect(job).toMatchObject({ started: 3, mostAtOnce: 1 });
  });

  test('a pass that fails fails for its askers alone', async () => {
    const job = new Job();
    const first = job.pass.run();
    const second = job.pass.run();
    job.pending.shift()?.reject(new Error('refused'));
    await expect(first).rejects.toThrow('refused');
    job.end();
    await second;
    expect(job.started).toBe(2);
  });

  test('closing waits for the pass that runs, and cancels the next', async () => {
    const job = new Job();
    const first = job.pass.run();
    const second = job.pass.run();
    const refused = expect(second).rejects.toMatchObject({ code: 'cancelled', message: 'it is closed' });
    const closed = job.pass.close();
    job.end();
    await Promise.all([first, closed, refused]);
    await expect(job.pass.run()).rejects.toMatchObject({ code: 'cancelled' });
    expect(job.started).toBe(1);
  });
});
