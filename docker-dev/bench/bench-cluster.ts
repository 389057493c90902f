import { SwarmError } from '@skep/kernel';

import type { Lab } from '../lab/lab.ts';
import { callSocket } from '../lab/local-api.ts';
import { waitUntil } from '../lab/processes.ts';

/** How closely the clock of a measurement is read. */
const POLL_MS = 20;

/** A task as the Docker API shows it, as far as the rows look at it. */
export interface BenchTask {
  readonly ID: string;
  readonly NodeID?: string;
  readonly DesiredState: string;
  readonly Status: { readonly State: string };
}

export interface ServiceOrder {
  readonly name: string;
  readonly replicas: number;
  readonly networks?: readonly string[];
  readonly constraints?: readonly string[];
  readonly parallelism?: number;
}

/** A lab seen through the Docker API of one of its managers: what the measured work is done with. */
export class BenchCluster {
  readonly lab: Lab;
  readonly #image: string;
  readonly #socket: string;

  constructor(lab: Lab, image: string, host = 'h1') {
    this.lab = lab;
    this.#image = image;
    this.#socket = lab.host(host).paths.dockerSocket;
  }

  /** The same cluster, asked through another host. */
  through(host: string): BenchCluster {
    return new BenchCluster(this.lab, this.#image, host);
  }

  /** @throws SwarmError `internal` with the refusal. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await callSocket(this.#socket, {
      method,
      path,
      ...(body === undefined ? {} : { body }),
    });
    if (answer.status >= 400) {
      throw new SwarmError('internal', `${method} ${path}: ${JSON.stringify(answer.body)}`);
    }
    return answer.body as T;
  }

  async createService(order: ServiceOrder): Promise<string> {
    const { ID } = await this.call<{ ID: string }>('POST', '/services/create', this.#spec(order));
    return ID;
  }

  #spec({ name, replicas, networks = [], constraints = [], parallelism = 0 }: ServiceOrder): object {
    return {
      Name: name,
      TaskTemplate: {
        ContainerSpec: { Image: this.#image, Args: ['sleep', '1000000'], StopGracePeriod: 1_000_000_000 },
        Networks: networks.map((Target) => ({ Target })),
        Placement: { Constraints: constraints },
      },
      Mode: { Replicated: { Replicas: replicas } },
      UpdateConfig: { Parallelism: parallelism },
    };
  }

  /** As `docker service update --force`. */
  async forceUpdate(id: string): Promise<void> {
    const service = await this.call<{
      Version: { Index: number };
      Spec: { TaskTemplate: { ForceUpdate?: number } };
    }>('GET', `/services/${id}`);
    const { Spec } = service;
    await this.call('POST', `/services/${id}/update?version=${String(service.Version.Index)}`, {
      ...Spec,
      TaskTemplate: { ...Spec.TaskTemplate, ForceUpdate: (Spec.TaskTemplate.ForceUpdate ?? 0) + 1 },
    });
  }

  async removeService(id: string): Promise<void> {
    await this.call('DELETE', `/services/${id}`);
  }

  /** Tasks of a service that run and shall run. */
  async running(service: string): Promise<BenchTask[]> {
    const filters = encodeURIComponent(
      JSON.stringify({ service: { [service]: true }, 'desired-state': { running: true } }),
    );
    const tasks = await this.call<BenchTask[]>('GET', `/tasks?filters=${filters}`);
    return tasks.filter(({ Status }) => Status.State === 'running');
  }

  /** Waits until so many tasks run that pass `isWanted`. */
  async waitRunning(
    service: string,
    count: number,
    isWanted: (task: BenchTask) => boolean = () => true,
  ): Promise<void> {
    await waitUntil(
      `${String(count)} tasks RUNNING`,
      async () => (await this.running(service)).filter(isWanted).length >= count,
      { timeoutMs: 120_000, everyMs: POLL_MS },
    );
  }

  /** Waits until no host has a container left, running or not. */
  async waitNoContainers(): Promise<void> {
    const hosts = this.lab.hosts.filter(({ isUp }) => isUp).map(({ paths }) => this.through(paths.name));
    await waitUntil(
      'all containers removed',
      async () => {
        const lists = await Promise.all(
          hosts.map((host) => host.call<unknown[]>('GET', '/containers/json?all=1')),
        );
        return lists.every((list) => list.length === 0);
      },
      { timeoutMs: 120_000, everyMs: POLL_MS },
    );
  }

  /** Host name of the leader; empty while there is none. */
  async leader(): Promise<string> {
    const nodes = await this.call<
      { Description: { Hostname: string }; ManagerStatus?: { Leader?: boolean } }[]
    >('GET', '/nodes');
    return nodes.find((node) => node.ManagerStatus?.Leader === true)?.Description.Hostname ?? '';
  }

  /** Node id of a host. */
  async nodeId(hostname: string): Promise<string> {
    const nodes = await this.call<{ ID: string; Description: { Hostname: string } }[]>('GET', '/nodes');
    return nodes.find((node) => node.Description.Hostname === hostname)?.ID ?? '';
  }
}
