// Finds out whether this machine can run Skep, and installs the Debian packages that are missing.
// Plain JavaScript without dependencies: it runs on whatever Node started npm, before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** Programs that swarmd drives, with the Debian package that brings each. */
const RUNTIME = {
  buildah: 'buildah',
  crun: 'crun',
  conmon: 'conmon',
  nft: 'nftables',
  ip: 'iproute2',
  busybox: 'busybox-static',
  git: 'git',
  socat: 'socat',
  nsenter: 'util-linux',
  mount: 'mount',
  tar: 'tar',
  ps: 'procps',
};

/** What the lab and the tests need besides. */
const LAB = { 'docker-registry': 'docker-registry' };
const TESTS = {
  ...LAB,
  docker: 'docker.io',
  chromium: 'chromium',
  curl: 'curl',
  jq: 'jq',
  skopeo: 'skopeo',
  openssl: 'openssl',
  runc: 'runc',
  'docker-compose': 'docker-compose',
};

/** What makes and runs a virtual machine. */
const VM = {
  'qemu-system-x86_64': 'qemu-system-x86',
  mmdebstrap: 'mmdebstrap',
  mke2fs: 'e2fsprogs',
  setpriv: 'util-linux',
  tar: 'tar',
  '/usr/share/keyrings/debian-archive-keyring.gpg': 'debian-archive-keyring',
};

const PROFILES = {
  runtime: RUNTIME,
  lab: { ...RUNTIME, ...LAB },
  tests: { ...RUNTIME, ...TESTS },
  vm: VM,
};

/** A condition that stops everything, in one sentence. */
export class Obstacle extends Error {}

/** Throws an {@link Obstacle} when the machine lacks what no package can bring. */
export function checkMachine() {
  if (process.platform !== 'linux') {
    throw new Obstacle(`Skep runs containers with the Linux kernel; this machine runs ${process.platform}.`);
  }
  if (process.getuid() !== 0) {
    throw new Obstacle(
      'Skep makes namespaces, mounts and networks and must be root for that: run it with sudo.',
    );
  }
  const filesystems = readFileSync('/proc/filesystems', 'utf8');
  if (!/\boverlay$/m.test(filesystems) && run('modprobe', ['overlay']).status !== 0) {
    throw new Obstacle(
      'This kernel has no overlayfs (CONFIG_OVERLAY_FS), which container images are mounted with.',
    );
  }
  if (!existsSync('/proc/self/ns/net') || !existsSync('/proc/self/ns/pid')) {
    throw new Obstacle('This kernel has no network or pid namespaces, which containers are made of.');
  }
  if (!existsSync('/sys/fs/cgroup')) {
    throw new Obstacle(
      'No cgroup file system is mounted at /sys/fs/cgroup; containers cannot be limited without it.',
    );
  }
}

/** Throws an {@link Obstacle} when the kernel's packet filter is not there. Call after installing: it needs nft and ip. */
export function checkNetworking() {
  const probe = 'skep_probe';
  const table = run(
    'nft',
    ['-f', '-'],
    `add table inet ${probe}\nadd chain inet ${probe} c { type nat hook prerouting priority 0; }\ndelete table inet ${probe}\n`,
  );
  if (table.status !== 0) {
    throw new Obstacle(
      `This kernel cannot translate addresses with nftables (CONFIG_NFT_NAT): ${firstLine(table.stderr)}`,
    );
  }
  for (const kind of ['veth', 'vxlan']) {
    const made =
      kind === 'veth'
        ? run('ip', ['link', 'add', 'skepprobe0', 'type', 'veth', 'peer', 'name', 'skepprobe1'])
        : run('ip', [
            'link',
            'add',
            'skepprobe0',
            'type',
            'vxlan',
            'id',
            '1',
            'dstport',
            '4790',
            'nolearning',
          ]);
    run('ip', ['link', 'delete', 'skepprobe0']);
    if (made.status !== 0) {
      throw new Obstacle(
        `This kernel has no ${kind} devices (CONFIG_${kind.toUpperCase()}): ${firstLine(made.stderr)}`,
      );
    }
  }
}

/** Installs what a profile (`runtime`, `lab`, `tests`, `vm`) lacks. Says so through `say`; throws an {@link Obstacle} when it cannot. */
export function installMissing(profile, say) {
  const missing = [
    ...new Set(
      Object.entries(PROFILES[profile])
        .filter(([program]) => !isInstalled(program))
        .map(([, name]) => name),
    ),
  ];
  if (missing.length === 0) {
    return;
  }
  if (!isInstalled('apt-get')) {
    throw new Obstacle(
      `These programs are missing: ${missing.join(', ')}. Install them with your distribution's package manager.`,
    );
  }
  say(`installing ${missing.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () =>
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], {
      encoding: 'utf8',
      env,
    });
  let result = install();
  if (result.status !== 0) {
    spawnSync('apt-get', ['update', '-qq'], { env });
    result = install();
  }
  if (result.status !== 0) {
    throw new Obstacle(`apt-get could not install ${missing.join(', ')}: ${lastLine(result.stderr)}`);
  }
}

/** `program` is a name on the PATH, or the path of a file. */
function isInstalled(program) {
  if (program.startsWith('/')) {
    return existsSync(program);
  }
  return (process.env.PATH ?? '')
    .split(':')
    .concat('/usr/sbin', '/sbin')
    .some((folder) => existsSync(`${folder}/${program}`));
}

function run(program, args, input) {
  return spawnSync(program, args, { encoding: 'utf8', input });
}

const firstLine = (text) => (text ?? '').trim().split('\n')[0];
const lastLine = (text) => (text ?? '').trim().split('\n').at(-1);
