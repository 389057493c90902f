import { existsSync } from 'node:fs';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerLifecycle } from './container-lifecycle.ts';
import { isAlive, type ContainerEntry } from './container-record.ts';
import { teardown } from './container-starter.ts';
import type { EngineContext } from './engine-context.ts';
import { startsWithEngine } from './restart-decision.ts';
import { isMounted } from './rootfs.ts';
import { endCutOffStart } from './runtime/cut-off-start.ts';
import { deleteContainer, processStartTicks } from './runtime/oci-runtime.ts';
import { unmount } from './runtime/system-calls.ts';
import { removeMapped } from './user-namespaces.ts';

/**
 * Brings the engine's records into line with what it finds at open. What runs is taken over; what ended meanwhile gets
 * its exit; what was being started is undone; what belongs to nobody is removed. Restart policies are honoured last.
 */
export async function recover(context: EngineContext, lifecycle: ContainerLifecycle): Promise<void> {
  const entries = context.containers.list();
  const wasUp = new Set(entries.filter(isUp).map((each) => each.record.id));
  for (const entry of entries) {
    lifecycle.hold(entry);
    await observe(context, entry);
  }
  const live = entries.filter((entry) => isAlive(entry.record.state.status));
  await context.networks?.adopt(
    live.flatMap(({ record }) =>
      record.network === null ? [] : [{ ...record.network, pid: record.state.pid }],
    ),
  );
  for (const entry of live) {
    for (const mount of entry.record.mounts.filter((each) => each.type === 'volume')) {
      context.volumes.adopt(mount.name ?? '', entry.record.id);
    }
    lifecycle.adopted(entry);
    await lifecycle.noticeExit(entry.record.id);
  }
  await context.volumes.unmountUnused();
  await removeLeftovers(context);
  for (const entry of entries) {
    if (context.containers.find(entry.record.id) !== undefined && !lifecycle.isRestartDue(entry)) {
      restartAtOpen(lifecycle, entry, wasUp.has(entry.record.id));
    }
  }
}

function isUp({ record: { state } }: ContainerEntry): boolean {
  return isAlive(state.status) || state.status === 'restarting';
}

/** Looks at one container's traces: bundle, process, exit file. */
async function observe(context: EngineContext, entry: ContainerEntry): Promise<void> {
  const { record } = entry;
  const { bundle } = context.paths.container(record.id);
  const found = await findProcess(context, entry);
  if (
    found === 'started' ||
    (isAlive(record.state.status) && existsSync(join(context.paths.exits, record.id)))
  ) {
    // Its exit, if there is one, is dealt with as if it came now.
    if (!isAlive(record.state.status)) {
      await adoptUnrecorded(context, entry);
    }
    return;
  }
  if (found === 'waiting' || existsSync(bundle)) {
    // Whoever still makes it must not go on while it is unmade.
    await endCutOffStart(bundle);
    context.log.info({ containerId: record.id }, 'a start that was cut off was undone');
  }
  await teardown(context, entry);
  await context.exits.forget(record.id);
  if (isAlive(record.state.status)) {
    // It ran when its host stopped: nobody knows how it ended.
    await context.containers.updateState(entry, {
      status: 'exited',
      pid: 0,
      exitCode: 255,
      finishedAtMs: Date.now(),
    });
  } else if (record.state.status === 'removing') {
    await context.containers.updateState(entry, { status: 'dead' });
  }
}

/** A container whose process was let go just before the record could say so. */
async function adoptUnrecorded(context: EngineContext, entry: ContainerEntry): Promise<void> {
  const { bundle } = context.paths.container(entry.record.id);
  const pid = Number.parseInt(await readFile(join(bundle, 'pid'), 'utf8'), 10);
  await context.containers.updateState(entry, {
    status: 'running',
    pid,
    pidStartTicks: (await processStartTicks(pid)) ?? 0,
    startedAtMs: Date.now(),
    error: '',
  });
}

/** Whether a container's process runs, waits to be started, or is not there. */
async function findProcess(
  context: EngineContext,
  entry: ContainerEntry,
): Promise<'started' | 'waiting' | 'none'> {
  const { record } = entry;
  const { bundle } = context.paths.container(record.id);
  const text = await readFile(join(bundle, 'pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  const ticks = Number.isNaN(pid) ? undefined : await processStartTicks(pid);
  const isRecorded = record.state.pid === pid && record.state.pidStartTicks === ticks;
  if (ticks === undefined || (isAlive(record.state.status) && !isRecorded)) {
    return 'none';
  }
  const stateRoot = context.runtimes.get(record.runtime)?.stateRoot ?? '';
  // Both runtimes keep this fifo exactly as long as the process waits for `start`.
  return existsSync(join(stateRoot, record.id, 'exec.fifo')) ? 'waiting' : 'started';
}

function restartAtOpen(lifecycle: ContainerLifecycle, entry: ContainerEntry, wasUp: boolean): void {
  const { config, state } = entry.record;
  if (state.status !== 'exited' && state.status !== 'restarting') {
    return;
  }
  const policy = config.restartPolicy ?? { name: 'no' };
  // What was about to be started again had been decided upon before.
  if (state.status === 'restarting' || startsWithEngine({ ...state, policy, wasUp })) {
    entry.record = { ...entry.record, state: { ...state, status: 'restarting' } };
    lifecycle.scheduleRestart(entry, 100);
  }
}

/** Removes mounts, bundles, runtime states and directories that no container owns. */
async function removeLeftovers(context: EngineContext): Promise<void> {
  const { paths, runtimes } = context;
  // No root is being mounted: what was mounted for one was cut off.
  for (const id of await readdir(paths.mapped)) {
    removeMapped(join(paths.mapped, id));
  }
  const unowned = async (folder: string): Promise<string[]> =>
    (await readdir(folder)).filter((id) => context.containers.find(id) === undefined);
  for (const id of await unowned(paths.bundles)) {
    await endCutOffStart(join(paths.bundles, id));
  }
  for (const runtime of runtimes.values()) {
    for (const id of (await unowned(runtime.stateRoot)).filter((name) => /^[0-9a-f]{64}$/.test(name))) {
      await deleteContainer(runtime, id).catch((err: unknown) => {
        context.log.warn({ err, containerId: id }, 'a leftover of the runtime stays');
      });
    }
  }
  for (const id of await unowned(paths.bundles)) {
    const { shm, userNamespace, bundle } = paths.container(id);
    unmount(shm);
    unmount(userNamespace);
    await rm(bundle, { recursive: true, force: true });
  }
  for (const id of await unowned(paths.containers)) {
    if (isMounted(paths.container(id).merged)) {
      unmount(paths.container(id).merged);
    }
    await rm(join(paths.containers, id), { recursive: true, force: true });
  }
  for (const id of await unowned(paths.exits)) {
    await context.exits.forget(id);
  }
  for (const id of await unowned(paths.secrets)) {
    await rm(join(paths.secrets, id), { recursive: true, force: true });
  }
  for (const id of await readdir(paths.execs)) {
    await rm(join(paths.execs, id), { recursive: true, force: true });
  }
  await context.images.content.removeLeftovers();
}
