import type { Command } from 'commander';

/** How each command is used, by its path. Shown by `--help`; a test reads every line back through the parser. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  init: ['swarm init --advertise-addr 10.0.0.1'],
  join: ['swarm join --token SWMTKN-1-... 10.0.0.1:2377'],
  leave: ['swarm leave'],
  'node ls': ['swarm node ls', 'swarm node ls --format json'],
  'node update': [
    'swarm node update --availability drain worker-2',
    'swarm node update --label-add zone=east worker-2',
  ],
  'node ps': ['swarm node ps worker-2'],
  'node promote': ['swarm node promote worker-2'],
  'node rm': ['swarm node rm worker-2'],
  'service create': [
    'swarm service create --name web --replicas 3 --publish 8080:80 nginx:alpine',
    "swarm service create --name clock busybox sh -c 'while date; do sleep 1; done'",
  ],
  'service update': ['swarm service update --image nginx:1.28 web', 'swarm service update --force web'],
  'service ls': ['swarm service ls', 'swarm service ls --filter name=web --format json'],
  'service ps': ['swarm service ps web'],
  'service scale': ['swarm service scale web=6 api=2'],
  'service versions': ['swarm service versions web'],
  'service rollback': ['swarm service rollback web', 'swarm service rollback --revision 4 web'],
  'service restart': ['swarm service restart web'],
  'service rm': ['swarm service rm web api'],
  'service logs': ['swarm service logs --follow web'],
  'stack plan': ['swarm stack plan -c compose.yaml shop'],
  'stack deploy': ['swarm stack deploy -c compose.yaml shop'],
  'stack ps': ['swarm stack ps shop'],
  'stack rm': ['swarm stack rm shop'],
  'task ls': ['swarm task ls', 'swarm task ls --format json'],
  'secret create': [
    'swarm secret create db_password password.txt',
    'printf %s "$PASSWORD" | swarm secret create db_password -',
  ],
  'config create': ['swarm config create nginx_conf nginx.conf'],
  'network create': ['swarm network create front'],
  logs: ['swarm logs --follow web'],
  exec: ['swarm exec -it web.1 sh', 'swarm exec web.1 cat /etc/hosts'],
  events: ['swarm events --follow'],
  doctor: ['swarm doctor'],
  login: ['swarm login https://10.0.0.1:8377'],
};

/** The path of a command below the program: `service create`. */
export function pathOf(command: Command): string {
  const names: string[] = [];
  for (let each = command; each.parent !== null; each = each.parent) {
    names.unshift(each.name());
  }
  return names.join(' ');
}

/** Adds the examples to the help of every command that has some. */
export function addExamples(program: Command): void {
  for (const command of program.commands.flatMap((noun) => [noun, ...noun.commands])) {
    const examples = EXAMPLES[pathOf(command)];
    if (examples !== undefined) {
      command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`);
    }
  }
}
