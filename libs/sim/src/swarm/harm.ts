import { sometimes } from '../poisson.ts';
import type { ManagerProcess } from './manager-process.ts';
import { changeRole } from './roles.ts';
import type { SimHost } from './sim-host.ts';
import type { SwarmWorld } from './swarm-world.ts';

/** Everything that goes wrong in the safety phase. */
export function startHarm(world: SwarmWorld): void {
  const { scenario, random, queue } = world;
  const outside = { queue, random, isOn: () => world.isHarmful };
  const managers = (): readonly SimHost[] => world.hosts.filter(({ manager }) => manager.isWanted);
  sometimes(outside, scenario.managerCrashPerMinute, () => {
    crashManager(world, random.pick(managers()), true);
  });
  sometimes(outside, scenario.agentCrashPerMinute, () => {
    crashAgent(world, random.pick(world.hosts), false);
  });
  sometimes(outside, scenario.powerLossPerMinute, () => {
    const host = random.pick(world.hosts);
    crashManager(world, host, false);
    crashAgent(world, host, true);
  });
  sometimes(outside, scenario.partitionPerMinute, () => {
    partition(world);
  });
  sometimes(outside, scenario.pausePerMinute, () => {
    pause(world, random.pick(world.hosts));
  });
  sometimes(outside, scenario.transferPerMinute, () => {
    const { member } = random.pick(managers()).manager;
    member?.node?.transferLeadership(random.pick(managers()).manager.member?.raftId ?? 0);
    member?.pump();
  });
  sometimes(outside, scenario.clockJumpPerMinute, () => {
    random.pick(world.hosts).clock.jump(random);
  });
  sometimes(outside, scenario.roleChangesPerMinute, () => {
    world.guard(changeRole(world));
  });
  sometimes(outside, scenario.oomPerMinute, () => {
    random.pick(world.hosts).agent.engine.oomKill();
  });
}

function crashManager(world: SwarmWorld, { number, manager }: SimHost, isHostAlive: boolean): void {
  if (!manager.process.isUp) {
    return;
  }
  const { random } = world;
  world.crashCount += 1;
  world.trace.note(world.queue.nowMs, 'manager crash', number);
  world.connections.died(manager.process, isHostAlive);
  manager.crash();
  if (random.chance(world.scenario.flipShare)) {
    manager.member?.disk.flipBit(random);
  }
  startManagerLater(world, manager);
}

/** What is damaged is refused, and reads well again at the next attempt. */
function startManagerLater(world: SwarmWorld, manager: ManagerProcess): void {
  world.queue.after(50 + world.random.nextInt(8_000), () => {
    if (manager.isWanted && !manager.process.isUp && !manager.start()) {
      world.refusalCount += 1;
      manager.member?.disk.unflip();
      startManagerLater(world, manager);
    }
  });
}

function crashAgent(world: SwarmWorld, { number, agent }: SimHost, isPowerLoss: boolean): void {
  if (!agent.process.isUp) {
    return;
  }
  world.crashCount += 1;
  world.trace.note(world.queue.nowMs, isPowerLoss ? 'power loss' : 'agent crash', number);
  world.connections.died(agent.process, !isPowerLoss);
  if (isPowerLoss) {
    agent.powerLoss();
  } else {
    agent.crash();
  }
  world.queue.after(100 + world.random.nextInt(10_000), () => {
    if (!agent.process.isUp) {
      agent.start();
    }
  });
}

function partition(world: SwarmWorld): void {
  const { random, network } = world;
  const numbers = random.shuffle(world.hosts.map(({ number }) => number));
  const size = 1 + random.nextInt(Math.max(1, numbers.length - 1));
  network.partition(numbers.slice(0, size), numbers.slice(size), random.chance(0.3));
  world.queue.after(1_000 + random.nextInt(12_000), () => {
    network.heal();
  });
}

function pause(world: SwarmWorld, { agent, manager }: SimHost): void {
  const isManager = manager.isWanted && world.random.chance(0.5);
  const durationMs = 500 + world.random.nextInt(6_000);
  if (isManager) {
    manager.pause();
    world.queue.after(durationMs, () => {
      manager.resume();
    });
  } else {
    agent.process.pause();
    world.queue.after(durationMs, () => {
      agent.process.resume();
    });
  }
}
