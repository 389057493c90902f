import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { SwarmError } from '@skep/kernel';
import { errnoName } from '../../process/errno.ts';

/*
 * Idmapped mounts (mount_setattr(2)): the same files under other owners, without a change on the disk. The numbers of
 * these system calls are the same on every architecture.
 */
const libc = koffi.load('libc.so.6');

const openTree = libc.func('long syscall(long number, int directory, const char *path, unsigned int flags)');
const setAttributes = libc.func(
  'long syscall(long number, int tree, const char *path, unsigned int flags, const void *attributes, size_t size)',
);
const moveMount = libc.func(
  'long syscall(long number, int tree, const char *path, int directory, const char *target, unsigned int flags)',
);

const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const OPEN_TREE_CLONE = 1;
const O_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_IDMAP = 0x0010_0000n;
/** struct mount_attr: attr_set, attr_clr, propagation, userns_fd. */
const ATTRIBUTES_BYTES = 32;

/**
 * Mounts the directory `source` (what is mounted below it does not come along) once more on `target`, with the owners of
 * its files mapped as the user namespace says.
 * @throws SwarmError `failed_precondition` when kernel or file system cannot; `details.errno` says why.
 */
export function mountMapped(request: {
  readonly source: string;
  readonly target: string;
  readonly userNamespaceFd: number;
}): void {
  const { source, target, userNamespaceFd } = request;
  const tree = check(Number(openTree(SYS_OPEN_TREE, AT_FDCWD, source, OPEN_TREE_CLONE | O_CLOEXEC)), source);
  try {
    const attributes = Buffer.alloc(ATTRIBUTES_BYTES);
    attributes.writeBigUInt64LE(MOUNT_ATTR_IDMAP, 0);
    attributes.writeBigUInt64LE(BigInt(userNamespaceFd), 24);
    check(
      Number(setAttributes(SYS_MOUNT_SETATTR, tree, '', AT_EMPTY_PATH, attributes, ATTRIBUTES_BYTES)),
      source,
    );
    check(Number(moveMount(SYS_MOVE_MOUNT, tree, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH)), source);
  } finally {
    closeSync(tree);
  }
}

function check(result: number, source: string): number {
  if (result < 0) {
    const errno = errnoName(koffi.errno());
    throw new SwarmError(
      'failed_precondition',
      `the files in ${source} cannot be mounted with other owners (${errno})`,
      {
        details: { errno },
      },
    );
  }
  return result;
}
