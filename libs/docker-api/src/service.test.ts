import { ServiceSpec, type Service } from '@skep/model';
import { describe, expect, test } from 'vitest';

import { parseBody } from './body.ts';
import { withServiceDefaults } from './service-defaults.ts';
import { DockerServiceSpec, serviceSpecFromDocker, serviceSpecToDocker, serviceToDocker } from './service.ts';

/** What `docker service create` of CLI 28 sends with most of its flags. */
const FULL = {
  Name: 'web',
  Labels: { 'com.docker.stack.namespace': 'demo' },
  TaskTemplate: {
    ContainerSpec: {
      Image: 'nginx:alpine@sha256:aaaa',
      Labels: { tier: 'front' },
      Command: ['/entry'],
      Args: ['-g', 'daemon off;'],
      Hostname: '{{.Node.Hostname}}',
      Env: ['A=1', 'B='],
      Dir: '/srv',
      User: 'nobody',
      Groups: ['audio'],
      Privileges: {
        CredentialSpec: null,
        SELinuxContext: null,
        Seccomp: { Mode: 'custom', Profile: 'e30=' },
        NoNewPrivileges: true,
      },
      Init: false,
      StopSignal: 'SIGINT',
      TTY: true,
      ReadOnly: true,
      Mounts: [
        {
          Type: 'volume',
          Source: 'data',
          Target: '/data',
          VolumeOptions: { NoCopy: true, DriverConfig: { Name: 'local', Options: { o: 'ro' } } },
        },
        {
          Type: 'bind',
          Source: '/etc',
          Target: '/e',
          ReadOnly: true,
          BindOptions: { Propagation: 'rprivate' },
        },
        { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1048576, Mode: 0o1777 } },
      ],
      StopGracePeriod: 10_000_000_000,
      Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 5_000_000_000, Retries: 3 },
      Hosts: ['10.0.0.1 db'],
      DNSConfig: { Nameservers: ['1.1.1.1'], Search: ['example'], Options: ['ndots:1'] },
      Secrets: [{ File: { Name: 's', UID: '0', GID: '0', Mode: 292 }, SecretID: 'sid', SecretName: 'sname' }],
      Configs: [
        { File: { Name: '/c', UID: '33', GID: '33', Mode: 256 }, ConfigID: 'cid', ConfigName: 'cname' },
      ],
      Isolation: 'default',
      Sysctls: { 'net.core.somaxconn': '512' },
      CapabilityAdd: ['CAP_NET_ADMIN'],
      CapabilityDrop: ['CAP_CHOWN'],
      Ulimits: [{ Name: 'nofile', Hard: 200, Soft: 100 }],
    },
    Resources: {
      Limits: { NanoCPUs: 500_000_000, MemoryBytes: 67_108_864, Pids: 100 },
      Reservations: {
        MemoryBytes: 33_554_432,
        GenericResources: [
          { DiscreteResourceSpec: { Kind: 'gpu', Value: 2 } },
          { NamedResourceSpec: { Kind: 'fpga', Value: 'one' } },
        ],
      },
    },
    RestartPolicy: { Condition: 'on-failure', Delay: 1_000_000_000, MaxAttempts: 3, Window: 60_000_000_000 },
    Placement: {
      Constraints: ['node.role==worker'],
      Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }],
      MaxReplicas: 2,
      Platforms: [{ Architecture: 'amd64', OS: 'linux' }],
    },
    Networks: [{ Target: 'netid', Aliases: ['w'], DriverOpts: { a: 'b' } }],
    LogDriver: { Name: 'json-file', Options: { 'max-size': '10m' } },
    ForceUpdate: 4,
    Runtime: 'container',
  },
  Mode: { Replicated: { Replicas: 6 } },
  UpdateConfig: {
    Parallelism: 2,
    Delay: 1_000_000_000,
    FailureAction: 'rollback',
    Monitor: 5_000_000_000,
    MaxFailureRatio: 0.25,
    Order: 'start-first',
  },
  RollbackConfig: { Parallelism: 1, FailureAction: 'pause', MaxFailureRatio: 0, Order: 'stop-first' },
  EndpointSpec: {
    Mode: 'vip',
    Ports: [
      {
        Name: 'http',
        Protocol: 'tcp',
        TargetPort: 80,
        PublishedPort: 8080,
        PublishMode: 'ingress',
      },
      { Protocol: 'udp', TargetPort: 53, PublishMode: 'host' },
    ],
  },
};

const convert = (json: unknown): ServiceSpec => serviceSpecFromDocker(parseBody(DockerServiceSpec, json));
const roundTrip = (json: unknown): unknown => JSON.parse(JSON.stringify(serviceSpecToDocker(convert(json))));

const MINIMAL = { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'nginx' } } };

describe('service specs', () => {
  test('a full spec comes back word for word', () => {
    expect(roundTrip(FULL)).toEqual(FULL);
  });

  test('a full spec is valid in the model', () => {
    expect(ServiceSpec.safeParse(convert(FULL)).error).toBeUndefined();
  });

  test('replicas are made explicit, as older clients need', () => {
    expect(roundTrip(MINIMAL)).toMatchObject({ Mode: { Replicated: { Replicas: 1 } } });
    expect(roundTrip({ ...MINIMAL, Mode: { Replicated: {} } })).toMatchObject({
      Mode: { Replicated: { Replicas: 1 } },
    });
    expect(roundTrip({ ...MINIMAL, Mode: { Replicated: { Replicas: 0 } } })).toMatchObject({
      Mode: { Replicated: { Replicas: 0 } },
    });
  });

  test('what was not given is not made up', () => {
    expect(roundTrip(MINIMAL)).toEqual({
      Name: 'web',
      Labels: {},
      TaskTemplate: {
        ContainerSpec: { Image: 'nginx', Isolation: 'default' },
        ForceUpdate: 0,
        Runtime: 'container',
      },
      Mode: { Replicated: { Replicas: 1 } },
    });
  });

  test('null is absent, as Go clients mean it', () => {
    const withNulls = {
      ...MINIMAL,
      Labels: null,
      UpdateConfig: null,
      TaskTemplate: { ContainerSpec: { Image: 'nginx', Env: null, Mounts: null }, Networks: null },
    };
    expect(convert(withNulls)).toEqual(convert(MINIMAL));
  });

  test.each([
    [{ Global: {} }, { type: 'global' }],
    [{ GlobalJob: {} }, { type: 'global-job' }],
    [{ ReplicatedJob: {} }, { type: 'replicated-job', maxConcurrent: 1, totalCompletions: 1 }],
    [
      { ReplicatedJob: { MaxConcurrent: 3 } },
      { type: 'replicated-job', maxConcurrent: 3, totalCompletions: 3 },
    ],
    [
      { ReplicatedJob: { MaxConcurrent: 3, TotalCompletions: 9 } },
      { type: 'replicated-job', maxConcurrent: 3, totalCompletions: 9 },
    ],
  ])('mode %o', (mode, expected) => {
    expect(convert({ ...MINIMAL, Mode: mode }).mode).toEqual(expected);
  });

  test('an empty update config has Go’s zeros: all tasks at once', () => {
    expect(convert({ ...MINIMAL, UpdateConfig: {} }).update).toEqual({
      parallelism: 0,
      failureAction: 'pause',
      maxFailurePerMille: 0,
      order: 'stop-first',
    });
  });

  test('ratios that floats cannot hold come back as they were', () => {
    for (const ratio of [0.001, 0.1, 0.123, 0.3, 0.7, 1]) {
      expect(
        roundTrip({ ...MINIMAL, UpdateConfig: { ...FULL.UpdateConfig, MaxFailureRatio: ratio } }),
      ).toMatchObject({ UpdateConfig: { MaxFailureRatio: ratio } });
    }
  });

  test('networks of clients before API 1.25 are taken', () => {
    expect(convert({ ...MINIMAL, Networks: [{ Target: 'old' }] }).task.networks).toEqual([{ target: 'old' }]);
  });

  test.each([
    [{ ...MINIMAL, Mode: { Global: {}, Replicated: {} } }, 'must specify only one service mode'],
    [{ Name: 'x', TaskTemplate: {} }, 'mismatched Runtime and *Spec fields'],
    [{ Name: 'x', TaskTemplate: { Runtime: 'plugin' } }, /runtime "plugin" are not supported/],
    [{ Name: 'x', TaskTemplate: { Runtime: 'vm' } }, 'unsupported runtime'],
    [{ ...MINIMAL, EndpointSpec: { Mode: 'magic' } }, 'invalid resolution mode: "magic"'],
    [{ ...MINIMAL, UpdateConfig: { Order: 'both' } }, /UpdateConfig.Order: unrecognized update order/],
    [
      {
        Name: 'x',
        TaskTemplate: { ContainerSpec: { Image: 'a', Mounts: [{ Type: 'cluster', Target: '/x' }] } },
      },
      /mounts of type "cluster" are not supported/,
    ],
    [
      {
        Name: 'x',
        TaskTemplate: { ContainerSpec: { Image: 'a', Secrets: [{ SecretID: 's', SecretName: 'n' }] } },
      },
      'malformed secret reference, no target provided',
    ],
    [{ Name: 7 }, /Name: .*expected string/],
    [[], /expected object/],
  ])('%o is refused by name', (json, message) => {
    expect(() => convert(json)).toThrow(message);
  });
});

describe('services', () => {
  const spec = convert(FULL);
  const service: Service = {
    id: 'svc',
    version: 42,
    createdAtMs: 1_700_000_000_000,
    updatedAtMs: 1_700_000_001_000,
    spec,
    specVersion: 42,
    previousSpec: convert(MINIMAL),
    endpoint: {
      mode: 'vip',
      ports: [{ protocol: 'tcp', targetPort: 80, publishedPort: 8080, publishMode: 'ingress' }],
      virtualIps: [{ networkId: 'netid', address: '10.0.1.2/24' }],
    },
    updateStatus: {
      state: 'rollback_completed',
      startedAtMs: 1_700_000_000_000,
      completedAtMs: 1_700_000_002_000,
      message: 'rollback completed',
    },
  };

  test('carry version, previous spec, end points and update status', () => {
    expect(serviceToDocker(service)).toMatchObject({
      ID: 'svc',
      Version: { Index: 42 },
      CreatedAt: '2023-11-14T22:13:20.000Z',
      Spec: { Name: 'web' },
      PreviousSpec: { Name: 'web', Mode: { Replicated: { Replicas: 1 } } },
      Endpoint: {
        Spec: { Mode: 'vip' },
        Ports: [{ TargetPort: 80, PublishedPort: 8080 }],
        VirtualIPs: [{ NetworkID: 'netid', Addr: '10.0.1.2/24' }],
      },
      UpdateStatus: { State: 'rollback_completed', CompletedAt: '2023-11-14T22:13:22.000Z' },
    });
  });

  test('carry a status only when it is asked for', () => {
    expect(serviceToDocker(service)).not.toHaveProperty('ServiceStatus');
    const status = { RunningTasks: 1, DesiredTasks: 2, CompletedTasks: 0 };
    expect(serviceToDocker(service, status).ServiceStatus).toEqual(status);
  });

  test('carry a job status only for jobs', () => {
    expect(serviceToDocker(service)).not.toHaveProperty('JobStatus');
    const job: Service = { ...service, spec: { ...spec, mode: { type: 'global-job' } }, jobIteration: 3 };
    expect(serviceToDocker(job).JobStatus).toEqual({ JobIteration: { Index: 3 } });
  });

  test('defaults are filled in on demand only', () => {
    const filled = serviceSpecToDocker(withServiceDefaults(convert(MINIMAL)));
    expect(filled).toMatchObject({
      TaskTemplate: {
        ContainerSpec: { StopGracePeriod: 10_000_000_000, DNSConfig: {} },
        Resources: { Limits: {}, Reservations: {} },
        RestartPolicy: { Condition: 'any', Delay: 5_000_000_000, MaxAttempts: 0 },
        Placement: {},
      },
      UpdateConfig: {
        Parallelism: 1,
        FailureAction: 'pause',
        Monitor: 5_000_000_000,
        MaxFailureRatio: 0,
        Order: 'stop-first',
      },
      RollbackConfig: { Parallelism: 1 },
      EndpointSpec: { Mode: 'vip' },
    });
  });
});
