import { afterAll, beforeAll, expect } from 'vitest';

import { Lab, run, waitUntil, type CommandResult, type LabReport } from '@skep/lab';

/** Another name lets two runs stand side by side on one machine. */
const LAB_NAME = process.env['SKEP_LAB'] ?? 'test';

export interface LabSize {
  readonly hosts: number;
  readonly managers: number;
}

/** A lab for the tests of one file: up before the first, down after the last, and nothing may be left. */
export class LabFixture {
  #lab: Lab | undefined;
  #report: LabReport | undefined;

  constructor({ hosts, managers }: LabSize) {
    beforeAll(async () => {
      this.#lab = await Lab.up({ hosts, managers, isBare: false }, LAB_NAME);
      this.#report = await this.#lab.status();
    }, 180_000);
    afterAll(async () => {
      await this.#lab?.down();
      expect((await this.#lab?.leftovers()) ?? []).toEqual([]);
    }, 120_000);
  }

  get lab(): Lab {
    if (this.#lab === undefined) {
      throw new Error('the lab is not up');
    }
    return this.#lab;
  }

  get report(): LabReport {
    if (this.#report === undefined) {
      throw new Error('the lab is not up');
    }
    return this.#report;
  }

  get image(): string {
    return this.report.sampleImage;
  }

  /** Runs the unmodified docker CLI against a host's socket. */
  docker(host: string, ...args: readonly string[]): Promise<CommandResult> {
    const socket = this.lab.host(host).paths.dockerSocket;
    return run(['docker', '--host', `unix://${socket}`, ...args], { timeoutMs: 90_000 });
  }

  /** Like {@link docker}, for commands that must succeed; answers what it printed, trimmed. */
  async dockerOk(host: string, ...args: readonly string[]): Promise<string> {
    const result = await this.docker(host, ...args);
    const trouble = result.exitCode === 0 ? '' : await this.#failedTasks(host);
    expect(result, `docker ${args.join(' ')}: ${result.stderr}${result.stdout}${trouble}`).toMatchObject({
      exitCode: 0,
    });
    return result.stdout.trim();
  }

  /** A line for each task that ended with an error: the reason a command failed is often there alone. */
  async #failedTasks(host: string): Promise<string> {
    const nodes = (await this.docker(host, 'node', 'ls', '--quiet')).stdout.split(/\s+/).filter(Boolean);
    const format = '{{if .Error}}{{.Name}} {{.ID}} {{.Node}} {{.CurrentState}} {{.Error}}{{end}}';
    const tasks = await this.docker(host, 'node', 'ps', '--no-trunc', '--format', format, ...nodes);
    return tasks.stdout.split('\n').filter(Boolean).join('\n');
  }

  /** Runs the swarm CLI against a host's socket. */
  swarm(host: string, ...args: readonly string[]): Promise<CommandResult> {
    const cli = new URL('../../apps/cli/dist/swarm.mjs', import.meta.url).pathname;
    const socket = this.lab.host(host).paths.apiSocket;
    return run([process.execPath, cli, '--host', `unix://${socket}`, ...args], { timeoutMs: 90_000 });
  }

  async swarmOk(host: string, ...args: readonly string[]): Promise<string> {
    const result = await this.swarm(host, ...args);
    expect(result, `swarm ${args.join(' ')}: ${result.stderr}${result.stdout}`).toMatchObject({
      exitCode: 0,
    });
    return result.stdout.trim();
  }

  /** Runs a command in the client's namespace. */
  client(...argv: readonly string[]): Promise<CommandResult> {
    return run(this.lab.client(argv), { timeoutMs: 30_000 });
  }

  /** Waits until `docker service ls` shows the wanted count, such as `3/3`. */
  async waitReplicas(host: string, service: string, replicas: string, timeoutMs = 60_000): Promise<void> {
    await waitUntil(
      `${service} ${replicas}`,
      async () => {
        const list = await this.docker(
          host,
          'service',
          'ls',
          '--filter',
          `name=${service}`,
          '--format',
          '{{.Name}} {{.Replicas}}',
        );
        return list.stdout.split('\n').some((line) => line.startsWith(`${service} ${replicas}`));
      },
      { timeoutMs, everyMs: 200 },
    );
  }

  /** Name of the lab host whose manager leads, as seen from `from`. */
  async leader(from: string): Promise<string> {
    const nodes = await this.dockerOk(from, 'node', 'ls', '--format', '{{.Hostname}} {{.ManagerStatus}}');
    const line = nodes.split('\n').find((row) => row.endsWith(' Leader'));
    return line?.split(' ')[0] ?? '';
  }
}
