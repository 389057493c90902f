import { Command } from 'commander';

import { registerBuild } from './commands/build.ts';
import { registerCluster } from './commands/cluster.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerContext } from './commands/context.ts';
import { registerEngineNouns } from './commands/engine.ts';
import { registerExec } from './commands/exec.ts';
import { registerLogs } from './commands/logs.ts';
import { registerNetwork } from './commands/network.ts';
import { registerNode } from './commands/node.ts';
import { registerPayload } from './commands/payload.ts';
import { registerRecovery } from './commands/recovery.ts';
import { registerService } from './commands/service/service.ts';
import { registerStack } from './commands/stack.ts';
import { registerSystem } from './commands/system.ts';
import { registerTask } from './commands/task.ts';
import { addExamples } from './examples.ts';

/** The whole command line, as a value: main runs it, completion and tests read it. */
export function createProgram(): Command {
  const program = new Command('swarm')
    .description('Skep: deploy services to a cluster of hosts')
    .option(
      '-H, --host <address>',
      'unix:///run/skep/skep.sock (default) or https://manager:8377; also SKEP_HOST',
    )
    .option('--token <token>', 'API token; also SKEP_TOKEN')
    .option('--ca-file <file>', "the cluster's root certificate; also SKEP_CA_FILE")
    .option('--context <name>', 'a context other than the one in use; also SKEP_CONTEXT')
    .version('0.1.0', '-v, --version')
    .enablePositionalOptions()
    .showHelpAfterError('(swarm <command> --help shows how)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 internal error, 2 invalid input, 3 not found, 4 exists already, 5 changed meanwhile,\n' +
        '6 not possible now, 7 not allowed, 8 limit reached, 9 unavailable, 10 not supported, 11 data damaged, 130 cancelled.',
    );
  registerCluster(program);
  registerRecovery(program);
  registerNode(program);
  registerService(program);
  registerStack(program);
  registerTask(program);
  registerPayload(program, 'secret');
  registerPayload(program, 'config');
  registerNetwork(program);
  registerEngineNouns(program);
  registerBuild(program);
  registerLogs(program, 'any');
  registerExec(program);
  registerSystem(program);
  registerContext(program);
  registerCompletion(program);
  addExamples(program);
  for (const noun of program.commands) {
    for (const command of [noun, ...noun.commands]) {
      // What follows the first argument belongs to the command that runs inside: `service create nginx sh -c ...`.
      if (
        command.registeredArguments.some((argument) => argument.variadic && argument.name() === 'command')
      ) {
        command.passThroughOptions();
      }
    }
    noun.enablePositionalOptions();
  }
  return program;
}
