import { createHash } from 'node:crypto';

/** Debian 12. */
export const RELEASE = 'bookworm';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** An init with cgroup version 2, a small kernel, and every program that swarmd and its tests start. */
const PACKAGES: readonly string[] = [
  ...['systemd-sysv', 'udev', 'kmod', 'linux-image-cloud-amd64'],
  ...['crun', 'runc', 'conmon', 'nftables', 'iproute2', 'busybox-static', 'libseccomp2', 'libatomic1'],
  ...['buildah', 'git', 'socat', 'util-linux', 'mount', 'tar', 'procps'],
  ...['docker-registry', 'docker.io', 'skopeo'],
];

/** Where the project is in the machine. */
export const PROJECT_ROOT = '/srv/skep';
/** Below {@link PROJECT_ROOT}: what the machine is to do, as a shell script. */
export const RUN_SCRIPT = '.vm/run';
/** The machine does its work and switches itself off, whatever comes of it. */
export const TARGET = 'skep-guest.target';

/** What the work says goes to a console that waits for its reader; a serial line would drop what comes too fast. */
const SERVICE = `[Unit]
Description=Do what the second disk asks for
Requires=dev-hvc0.device
After=basic.target dev-hvc0.device
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=oneshot
TimeoutStartSec=infinity
StandardOutput=tty
StandardError=tty
TTYPath=/dev/hvc0
ExecStart=/bin/sh -c 'mkdir -p ${PROJECT_ROOT} && tar -C ${PROJECT_ROOT} -xf /dev/vdb && exec /bin/sh ${PROJECT_ROOT}/${RUN_SCRIPT}'
`;

/** Files of the machine's disk that no package brings: path -> content. */
export const FILES: Readonly<Record<string, string>> = {
  'etc/hostname': 'skep-vm\n',
  'etc/hosts': '127.0.0.1 localhost skep-vm\n',
  'etc/systemd/system/skep-guest.service': SERVICE,
  [`etc/systemd/system/${TARGET}`]: `[Unit]
Description=The tests of Skep
Requires=basic.target skep-guest.service
After=basic.target
`,
};

/** Documentation and translations: a third of the disk. */
const LEFT_OUT: readonly string[] = ['doc/*', 'man/*', 'locale/*', 'info/*'];

/**
 * Lines for a sources.list with Debian 12: the mirrors that this host's apt has for it. None when it has none: then
 * mmdebstrap takes Debian's own.
 * `targets` is what `apt-get indextargets` prints in the format `$(REPO_URI) $(RELEASE) $(COMPONENT)`.
 */
export function sourcesFor(targets: string): readonly string[] {
  const wanted = ['', '-updates', '-security'].map((suffix) => `${RELEASE}${suffix}`);
  const lines = targets.split('\n').flatMap((line) => {
    const [uri = '', suite = '', component = ''] = line.trim().split(/\s+/);
    const isDebian = /\/debian(-security)?\/?$/.test(uri);
    return isDebian && wanted.includes(suite) && component === 'main' ? [sourceLine(uri, suite)] : [];
  });
  const hasRelease = lines.some((line) => line.includes(` ${RELEASE} `));
  return hasRelease ? [...new Set(lines)] : [];
}

function sourceLine(uri: string, suite: string): string {
  return `deb [signed-by=${KEYRING}] ${uri} ${suite} main`;
}

/** Arguments of mmdebstrap that make the file system in `directory`. */
export function bootstrapArguments(directory: string, sources: readonly string[]): readonly string[] {
  return [
    '--quiet',
    '--mode=root',
    '--variant=minbase',
    '--architectures=amd64',
    '--format=directory',
    ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=/usr/share/${path}`),
    `--include=${PACKAGES.join(',')}`,
    RELEASE,
    directory,
    ...sources,
  ];
}

/** Names a disk by what it is made of: another recipe makes another disk. */
export function recipeDigest(): string {
  const recipe = JSON.stringify([RELEASE, PACKAGES, FILES, LEFT_OUT]);
  return createHash('sha256').update(recipe).digest('hex').slice(0, 16);
}
