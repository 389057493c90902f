import { expect, test } from 'vitest';

import { machineArguments, probeArguments } from './qemu-arguments.ts';

const disks = {
  root: '/cache/a,b/root.img',
  project: '/run/project.img',
  report: '/run/report.img',
  bootLog: '/run/boot.log',
  kernel: '/cache/vmlinuz',
  initrd: '/cache/initrd',
};

function after(argv: readonly string[], option: string): string[] {
  return argv.flatMap((word, index) => (word === option ? [argv[index + 1] ?? ''] : []));
}

test('the machine has three disks in the order that its service expects, and no network', () => {
  const argv = machineArguments(disks, { accelerator: 'tcg', cpus: 3, memoryMib: 1024 });
  expect(after(argv, '-drive')).toEqual([
    'file=/cache/a,,b/root.img,if=virtio,format=raw,snapshot=on,cache=unsafe',
    'file=/run/project.img,if=virtio,format=raw,readonly=on',
    'file=/run/report.img,if=virtio,format=raw,cache=writethrough',
  ]);
  expect(argv).toContain('-nodefaults');
  expect(argv.filter((word) => /^-(nic|net|netdev)$/.test(word))).toEqual([]);
  expect(after(argv, '-device')).toEqual(['virtio-serial', 'virtconsole,chardev=words']);
  expect(after(argv, '-serial')).toEqual(['file:/run/boot.log']);
  expect([after(argv, '-smp'), after(argv, '-m'), after(argv, '-accel')]).toEqual([
    ['3'],
    ['1024'],
    ['tcg,thread=multi'],
  ]);
});

test('the kernel is told to use version 2 of cgroups alone and to end with the tests', () => {
  const [line] = after(machineArguments(disks, { accelerator: 'kvm', cpus: 1, memoryMib: 512 }), '-append');
  expect(line?.split(' ')).toEqual(
    expect.arrayContaining([
      'systemd.unified_cgroup_hierarchy=1',
      'systemd.unit=skep-guest.target',
      'console=ttyS0',
      'panic=-1',
    ]),
  );
});

test('no machine has protection keys, which node does not survive when they are emulated', () => {
  for (const accelerator of ['tcg', 'kvm'] as const) {
    expect(after(probeArguments(accelerator), '-cpu')).toEqual(['max,pku=off']);
  }
});

test('a probe never lets its machine run', () => {
  expect(probeArguments('kvm')).toContain('-S');
});
