import type { Command } from 'commander';

/** `swarm completion`: a bash script that completes nouns, verbs and flags. */
export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a bash completion script: source <(swarm completion)')
    .action(() => {
      console.log(renderCompletion(program));
    });
}

/** The script: one case per noun, made from the commands themselves. */
export function renderCompletion(program: Command): string {
  const nouns = program.commands.map((command) => command.name());
  const cases = program.commands
    .filter(({ commands }) => commands.length > 0)
    .map((noun) => `    ${noun.name()}) words="${noun.commands.map((verb) => verb.name()).join(' ')}" ;;`);
  const flags = program.commands.flatMap((noun) =>
    [noun, ...noun.commands].map((command) => {
      const path = command === noun ? noun.name() : `${noun.name()} ${command.name()}`;
      const names = command.options.map((option) => option.long ?? '').filter((name) => name !== '');
      return `    "${path}") flags="${names.join(' ')}" ;;`;
    }),
  );
  return [
    '_swarm() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" noun="${COMP_WORDS[1]}" verb="${COMP_WORDS[2]}" words="" flags=""',
    `  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "${nouns.join(' ')}" -- "$current")); return; fi`,
    '  case "$noun" in',
    ...cases,
    '  esac',
    '  case "$noun $verb" in',
    ...flags,
    '  esac',
    '  if [ "$COMP_CWORD" -eq 2 ] && [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$current")); return; fi',
    '  COMPREPLY=($(compgen -W "$flags" -- "$current"))',
    '}',
    'complete -F _swarm swarm',
  ].join('\n');
}
