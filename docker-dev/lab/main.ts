import { Command } from 'commander';

import { ERROR_FACES, isSwarmError, errorMessage } from '@skep/kernel';

import { passThrough } from './command.ts';
import { Lab } from './lab.ts';

/** The lab's command line: `npm run lab -- <verb>`. With --json a verb prints one JSON value and nothing else. */
const program = new Command('lab')
  .description('Many hosts on one machine: real processes, real kernel, one set of namespaces each.')
  .option('--name <name>', 'name of the lab, when there are several', 'lab')
  .showHelpAfterError();

const nameOf = (): string => program.opts<{ name: string }>().name;
const open = (): Lab => Lab.open(nameOf());

function print(value: unknown, isJson: boolean, sentence: string): void {
  console.log(isJson ? JSON.stringify(value, null, 2) : sentence);
}

program
  .command('up')
  .description('start the hosts, init and join them; returns when all nodes are Ready')
  .requiredOption('--hosts <n>', 'number of hosts, 1 to 64', Number)
  .option('--managers <n>', 'how many of them are managers', Number, 1)
  .option('--bare', 'only start the hosts: no init, no join', false)
  .option('--json', 'print the status as JSON', false)
  .action(async (options: { hosts: number; managers: number; bare: boolean; json: boolean }) => {
    const lab = await Lab.up(
      {
        hosts: options.hosts,
        managers: options.managers,
        isBare: options.bare,
        onProgress: (line) => console.error(line),
      },
      nameOf(),
    );
    print(
      await lab.status(),
      options.json,
      'The lab is up. npm run lab -- status shows it, npm run lab -- down removes it.',
    );
  });

program
  .command('status')
  .description('show the hosts with their addresses and sockets')
  .option('--json', 'as JSON', false)
  .action(async ({ json }: { json: boolean }) => {
    const report = await open().status();
    const rows = report.hosts.map((host) => [
      host.name,
      host.ip,
      host.role,
      host.state,
      host.consoleUrl,
      host.dockerSocket,
    ]);
    print(
      report,
      json,
      [['HOST', 'ADDRESS', 'ROLE', 'STATE', 'CONSOLE', 'DOCKER SOCKET'], ...rows].map(columns).join('\n'),
    );
  });

function columns(cells: readonly string[]): string {
  const widths = [6, 12, 9, 11, 26, 0];
  return cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' ');
}

for (const [verb, description] of [
  ['crash', 'power loss: every process on the host ends at once, containers too'],
  ['kill-agent', 'SIGKILL swarmd only'],
  ['kill-manager', 'SIGKILL the manager only'],
  ['start', 'switch a host on, or start its swarmd again'],
  ['pause', 'SIGSTOP every process of the host'],
  ['resume', 'SIGCONT every process of the host'],
] as const) {
  program
    .command(`${verb} <host>`)
    .description(description)
    .option('--json', 'as JSON', false)
    .action(async (name: string, { json }: { json: boolean }) => {
      const lab = open();
      await perform(lab, verb, name);
      print({ host: name, done: verb }, json, `${name}: ${verb} done`);
    });
}

async function perform(lab: Lab, verb: string, name: string): Promise<void> {
  const host = lab.host(name);
  switch (verb) {
    case 'crash':
      return lab.crash(name);
    case 'start':
      return lab.start(name);
    case 'kill-agent':
      return host.killAgent();
    case 'kill-manager':
      return host.killManager();
    case 'pause':
      host.pause();
      return undefined;
    default:
      host.resume();
      return undefined;
  }
}

program
  .command('partition <left> <right>')
  .description('cut the network between two groups of hosts: partition h1,h2 h3,h4')
  .option('--json', 'as JSON', false)
  .action(async (left: string, right: string, { json }: { json: boolean }) => {
    const lab = open();
    const [a, b] = [left, right].map((list) => list.split(',').map((name) => memberName(lab, name)));
    await lab.switch.partition(a ?? [], b ?? []);
    print({ left: a, right: b }, json, `cut ${left} from ${right}; npm run lab -- heal joins them again`);
  });

function memberName(lab: Lab, name: string): string {
  return name === 'client' || name === 'registry' ? name : lab.host(name).paths.name;
}

program
  .command('heal')
  .description('join all groups again')
  .option('--json', 'as JSON', false)
  .action(async ({ json }: { json: boolean }) => {
    await open().switch.heal();
    print({ healed: true }, json, 'healed');
  });

program
  .command('exec <host> <command...>')
  .description('run a command in the namespaces of a host: exec h1 -- ip route')
  .action(async (name: string, command: string[]) => {
    process.exitCode = await passThrough(open().host(name).enter(command));
  });

program
  .command('client <command...>')
  .description('run a command in the client namespace: client -- wget -qO- http://10.88.0.1:8080')
  .action(async (command: string[]) => {
    process.exitCode = await passThrough(open().client(command));
  });

program
  .command('down')
  .description('end every process of the lab and remove all it made')
  .option('--json', 'as JSON', false)
  .action(async ({ json }: { json: boolean }) => {
    const lab = open();
    await lab.down();
    const leftovers = await lab.leftovers();
    process.exitCode = leftovers.length === 0 ? 0 : 1;
    print(
      { leftovers },
      json,
      leftovers.length === 0 ? 'The lab is gone.' : `Left behind:\n${leftovers.join('\n')}`,
    );
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error(`lab: ${errorMessage(error)}`);
  process.exitCode = isSwarmError(error) ? ERROR_FACES[error.code].exitCode : 1;
}
