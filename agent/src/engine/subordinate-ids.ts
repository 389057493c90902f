import { fail, ok, type Result } from '@skep/kernel';
import type { IdMap, IdRange } from '@skep/oci';

/** User whose subordinate ids `--userns-remap default` takes; Docker's name, so that a host's entries go on to count. */
export const DEFAULT_REMAP_USER = 'dockremap';

/** Images give files to `nobody`, which is 65534: a smaller map could not hold them. */
export const IDS_MIN = 65_536;
const RANGES_MAX = 32;
const ID_MAX = 0xffff_fffe;
/** Where useradd(8) begins to give subordinate ids away. */
const FIRST_SUBORDINATE_ID = 100_000;

/** The files of a host that say who may use which ids. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
  readonly subuid: string;
  readonly subgid: string;
}

interface Account {
  readonly name: string;
  readonly id: number;
}

/**
 * The id map that `--userns-remap` asks for: `default`, `user`, `user:group`, `uid` or `uid:gid`. The ranges of the
 * user's lines in /etc/subuid and of the group's (or user's) in /etc/subgid follow each other from id 0 on, in the order
 * of the file, as with Docker. Errors name the flag, what is missing and how to add it.
 */
export function resolveIdMap(text: string, files: AccountFiles): Result<IdMap> {
  const [userText = '', groupText, ...rest] = (text === 'default' ? DEFAULT_REMAP_USER : text).split(':');
  if (userText === '' || groupText === '' || rest.length > 0) {
    return refuse(text, 'must be default, user[:group] or uid[:gid]');
  }
  const user = findAccount(files.passwd, userText);
  if (user === undefined) {
    return refuse(
      text,
      `there is no user ${userText} in /etc/passwd: make it (useradd --system ${userText}) or name another`,
    );
  }
  const group = groupText === undefined ? undefined : findAccount(files.group, groupText);
  if (groupText !== undefined && group === undefined) {
    return refuse(
      text,
      `there is no group ${groupText} in /etc/group: make it (groupadd --system ${groupText}) or name another`,
    );
  }
  const uids = rangesOf(files.subuid, [user]);
  const gids = rangesOf(files.subgid, group === undefined ? [user] : [group, user]);
  const uidFault = faultOf(uids, { file: '/etc/subuid', owner: user.name });
  const gidFault = faultOf(gids, { file: '/etc/subgid', owner: (group ?? user).name });
  const fault = uidFault ?? gidFault;
  return fault === undefined ? ok({ uids, gids }) : refuse(text, fault);
}

/** The next range of ids that nobody in /etc/subuid or /etc/subgid has, for the user of `default`. */
export function nextFreeRange(files: Pick<AccountFiles, 'subuid' | 'subgid'>): {
  readonly first: number;
  readonly last: number;
} {
  const ends = [files.subuid, files.subgid]
    .flatMap(linesOf)
    .map(([, start, count]) => Number(start) + Number(count));
  const first = Math.max(FIRST_SUBORDINATE_ID, ...ends.filter((end) => Number.isSafeInteger(end)));
  return { first, last: first + IDS_MIN - 1 };
}

function refuse(text: string, reason: string): Result<never> {
  return fail('invalid_argument', `--userns-remap ${JSON.stringify(text.slice(0, 100))}: ${reason}`);
}

function linesOf(file: string): string[][] {
  return file
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

/** A line of /etc/passwd or /etc/group, by name or number. */
function findAccount(file: string, wanted: string): Account | undefined {
  const line =
    linesOf(file).find(([name]) => name === wanted) ??
    (/^\d+$/.test(wanted) ? linesOf(file).find(([, , id]) => id === wanted) : undefined);
  const [name, , id] = line ?? [];
  return name === undefined || id === undefined ? undefined : { name, id: Number(id) };
}

/** The ranges of the first owner that has any. */
function rangesOf(file: string, owners: readonly Account[]): readonly IdRange[] {
  const lines = linesOf(file);
  for (const { name, id } of owners) {
    const own = lines.filter(([owner]) => owner === name || owner === String(id));
    if (own.length > 0) {
      return own.reduce<IdRange[]>((ranges, [, start, count]) => {
        const containerId = ranges.reduce((sum, { size }) => sum + size, 0);
        return [...ranges, { containerId, hostId: Number(start), size: Number(count) }];
      }, []);
    }
  }
  return [];
}

function faultOf(
  ranges: readonly IdRange[],
  { file, owner }: { readonly file: string; readonly owner: string },
): string | undefined {
  const remedy = `add a line such as ${owner}:${String(FIRST_SUBORDINATE_ID)}:${String(IDS_MIN)}`;
  if (ranges.length === 0) {
    return `${file} gives ${owner} no ids: ${remedy}`;
  }
  if (ranges.length > RANGES_MAX) {
    return `${file} gives ${owner} more than ${String(RANGES_MAX)} ranges: join them`;
  }
  const isId = (id: number): boolean => Number.isSafeInteger(id) && id > 0;
  const bad = ranges.find(({ hostId, size }) => !isId(hostId) || !isId(size) || hostId + size - 1 > ID_MAX);
  if (bad !== undefined) {
    // A range from 0 on would make the container's root the host's.
    return `${file} has a line of ${owner} whose first id or count is no number from 1 to ${String(ID_MAX)}: mend it`;
  }
  const total = ranges.reduce((sum, { size }) => sum + size, 0);
  return total >= IDS_MIN
    ? undefined
    : `${file} gives ${owner} ${String(total)} ids and images need ${String(IDS_MIN)}: ${remedy}`;
}
