import type { ServiceSpec } from '@skep/model';

type Ports = NonNullable<NonNullable<ServiceSpec['endpoint']>['ports']>;
type Mounts = NonNullable<ServiceSpec['task']['container']['mounts']>;

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function portOption(port: Ports[number]): string {
  const target = String(port.targetPort);
  if (port.publishMode === 'host') {
    const protocol = port.protocol === 'tcp' ? '' : `,protocol=${port.protocol}`;
    return `--publish mode=host,published=${String(port.publishedPort ?? '')},target=${target}${protocol}`;
  }
  const published = port.publishedPort === undefined ? '' : `${String(port.publishedPort)}:`;
  return `--publish ${published}${target}${port.protocol === 'tcp' ? '' : `/${port.protocol}`}`;
}

function mountOption(mount: Mounts[number]): string {
  const source = mount.source === undefined ? '' : `,source=${mount.source}`;
  return `--mount ${quote(`type=${mount.type}${source},target=${mount.target}${mount.readOnly === true ? ',readonly' : ''}`)}`;
}

function modeOptions(mode: ServiceSpec['mode']): readonly string[] {
  if (mode.type === 'global') {
    return ['--mode global'];
  }
  return mode.type === 'replicated' && mode.replicas !== 1 ? [`--replicas ${String(mode.replicas)}`] : [];
}

function resourceOptions(resources: ServiceSpec['task']['resources']): readonly string[] {
  const { limits, reservations } = resources ?? {};
  const memory = (name: string, bytes: number | undefined) =>
    bytes === undefined ? [] : [`--${name}-memory ${String(bytes)}`];
  const cpu = (name: string, nanos: number | undefined) =>
    nanos === undefined ? [] : [`--${name}-cpu ${String(nanos / 1e9)}`];
  return [
    ...memory('limit', limits?.memoryBytes),
    ...cpu('limit', limits?.nanoCpus),
    ...memory('reserve', reservations?.memoryBytes),
    ...cpu('reserve', reservations?.nanoCpus),
  ];
}

/** The command that creates the same service, for the fields it has options for. */
export function cliOf(spec: ServiceSpec): string {
  const { container, placement, resources, networks } = spec.task;
  const each = (option: string, values: readonly string[] | undefined) =>
    (values ?? []).map((value) => `--${option} ${quote(value)}`);
  const words = [
    'swarm service create',
    `--name ${quote(spec.name)}`,
    ...modeOptions(spec.mode),
    ...(spec.endpoint?.ports ?? []).map(portOption),
    ...each('env', container.env),
    ...each(
      'network',
      networks?.map(({ target }) => target),
    ),
    ...each('constraint', placement?.constraints),
    ...resourceOptions(resources),
    ...(container.mounts ?? []).map(mountOption),
    ...each(
      'secret',
      container.secrets?.map(({ secretName }) => secretName),
    ),
    ...each(
      'config',
      container.configs?.map(({ configName }) => configName),
    ),
    quote(container.image),
    ...(container.args ?? []).map(quote),
  ];
  return words.join(' ');
}
