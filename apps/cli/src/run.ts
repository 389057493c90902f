import type { Command } from 'commander';

import { connect, resolveTarget, type Connection, type GlobalOptions } from './connection/connection.ts';

/** The connection that the flags of the whole command line ask for. */
export function connectionOf(command: Command): Connection {
  return connect(resolveTarget(command.optsWithGlobals<GlobalOptions>()));
}

/** What every command's work gets: the connection, its options, its arguments. */
export interface Call<O> {
  readonly connection: Connection;
  readonly options: O;
  readonly args: readonly string[];
}

/** Wraps a command's work for commander, which passes arguments, options and the command itself. */
export function action<O>(work: (call: Call<O>) => Promise<void>): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1) as Command;
    await work({
      connection: connectionOf(command),
      options: command.opts<O & Record<string, unknown>>(),
      args: given
        .slice(0, -2)
        .flat()
        .filter((argument): argument is string => typeof argument === 'string'),
    });
  };
}

/** Collects a flag that may be given more than once. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}
