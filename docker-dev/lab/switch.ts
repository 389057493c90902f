import { CLIENT_ADDRESS, REGISTRY_ADDRESS, namespaceName } from './paths.ts';
import { must, run } from './command.ts';

const BRIDGE = 'switch';
const PARTITION_TABLE = 'skeplab';

/** Name of the switch's port that leads to `member`. */
function portOf(member: string): string {
  return `p-${member}`;
}

/**
 * The lab's network: a bridge in a namespace of its own, so that nothing of the lab is seen on the machine. Members are
 * namespaces with one cable (`eth0`) to it.
 */
export class Switch {
  readonly #lab: string;
  readonly netns: string;

  constructor(lab: string) {
    this.#lab = lab;
    this.netns = namespaceName(lab, 'switch');
  }

  async create(): Promise<void> {
    await must(['ip', 'netns', 'add', this.netns]);
    await must(['ip', '-n', this.netns, 'link', 'add', BRIDGE, 'type', 'bridge']);
    await must(['ip', '-n', this.netns, 'link', 'set', BRIDGE, 'up']);
    await this.connect('client', CLIENT_ADDRESS);
    await this.connect('registry', REGISTRY_ADDRESS);
  }

  /** Makes the namespace of `member` with its cable and address. */
  async connect(member: string, address: string): Promise<void> {
    const netns = namespaceName(this.#lab, member);
    const port = portOf(member);
    await must(['ip', 'netns', 'add', netns]);
    await must(['ip', '-n', this.netns, '-batch', '-'], {
      input: [
        `link add ${port} type veth peer name eth0 netns ${netns}`,
        `link set ${port} master ${BRIDGE}`,
        `link set ${port} up`,
        '',
      ].join('\n'),
    });
    await must(['ip', '-n', netns, '-batch', '-'], {
      input: ['link set lo up', `address add ${address}/24 dev eth0`, 'link set eth0 up', ''].join('\n'),
    });
  }

  /** Takes a member's cable away; its namespace stays. */
  async unplug(member: string): Promise<void> {
    await run(['ip', '-n', this.netns, 'link', 'delete', portOf(member)]);
  }

  /** Removes a member's namespace and with it the cable. */
  async disconnect(member: string): Promise<void> {
    await this.unplug(member);
    await run(['ip', 'netns', 'delete', namespaceName(this.#lab, member)]);
  }

  /** Cuts every path between a member of one side and a member of the other, both ways; earlier cuts stay. */
  async partition(left: readonly string[], right: readonly string[]): Promise<void> {
    const pairs = left.flatMap((a) => right.flatMap((b) => [[a, b] as const, [b, a] as const]));
    await must(['ip', 'netns', 'exec', this.netns, 'nft', '-f', '-'], {
      input: [
        `add table bridge ${PARTITION_TABLE}`,
        `add chain bridge ${PARTITION_TABLE} cut { type filter hook forward priority 0; policy accept; }`,
        ...pairs.map(
          ([a, b]) =>
            `add rule bridge ${PARTITION_TABLE} cut iifname "${portOf(a)}" oifname "${portOf(b)}" drop`,
        ),
        '',
      ].join('\n'),
    });
  }

  /** Joins all members again. */
  async heal(): Promise<void> {
    await run(['ip', 'netns', 'exec', this.netns, 'nft', 'delete', 'table', 'bridge', PARTITION_TABLE]);
  }

  /** Removes all namespaces of the lab, whatever state it was left in. */
  async remove(): Promise<void> {
    const listed = await run(['ip', 'netns', 'list']);
    const prefix = namespaceName(this.#lab, '');
    for (const line of listed.stdout.split('\n')) {
      const name = line.split(' ')[0] ?? '';
      if (name.startsWith(prefix)) {
        await run(['ip', 'netns', 'delete', name]);
      }
    }
  }
}
