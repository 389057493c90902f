import { join } from 'node:path';

/** The lab's switch: one /24 in which `h1` is .1, `h2` .2 and so on. */
export const LAB_PREFIX = '10.88.0';
export const CLIENT_ADDRESS = `${LAB_PREFIX}.200`;
export const REGISTRY_ADDRESS = `${LAB_PREFIX}.250`;
export const REGISTRY = `${REGISTRY_ADDRESS}:5000`;
export const SAMPLE_IMAGE = `${REGISTRY}/skep/sample:latest`;
export const HOSTS_MAX = 64;

/** Where one lab keeps its things. Socket paths must stay short (108 bytes), hence not in the checkout. */
export interface LabPaths {
  readonly name: string;
  readonly root: string;
  readonly stateFile: string;
  readonly registryDir: string;
  readonly adminPasswordFile: string;
  readonly adminTokenFile: string;
  /** cgroup (below every controller) that holds all hosts of the lab. */
  readonly cgroup: string;
}

export function labPaths(name: string): LabPaths {
  const root = `/var/lib/skep-lab/${name}`;
  return {
    name,
    root,
    stateFile: join(root, 'lab.json'),
    registryDir: join(root, 'registry'),
    adminPasswordFile: join(root, 'admin-password'),
    adminTokenFile: join(root, 'admin-token'),
    cgroup: `/skep-lab-${name}`,
  };
}

/** Where one host of a lab keeps its things. */
export interface HostPaths {
  readonly name: string;
  readonly address: string;
  readonly netns: string;
  readonly runRoot: string;
  readonly dataRoot: string;
  readonly dockerSocket: string;
  readonly apiSocket: string;
  readonly agentLog: string;
  readonly agentPidFile: string;
  readonly managerPidFile: string;
  readonly cgroup: string;
}

/** Paths of host `h<number>`, counted from 1. */
export function hostPaths(lab: LabPaths, number: number): HostPaths {
  const name = `h${String(number)}`;
  const root = join(lab.root, name);
  const runRoot = join(root, 'run');
  return {
    name,
    address: `${LAB_PREFIX}.${String(number)}`,
    netns: namespaceName(lab.name, name),
    runRoot,
    dataRoot: join(root, 'data'),
    dockerSocket: join(runRoot, 'docker.sock'),
    apiSocket: join(runRoot, 'skep.sock'),
    agentLog: join(root, 'swarmd.log'),
    agentPidFile: join(runRoot, 'swarmd.pid'),
    managerPidFile: join(runRoot, 'manager', 'manager.pid'),
    cgroup: `${lab.cgroup}/${name}`,
  };
}

/** Name of a network namespace of the lab, as `ip netns` lists it. */
export function namespaceName(lab: string, member: string): string {
  return `skeplab-${lab}-${member}`;
}
