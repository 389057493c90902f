import { fail, ok, type Result } from '@skep/kernel';

/** Who a container's process runs as. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** Home directory; `/` when unknown. */
  readonly home: string;
}

export interface UserDatabase {
  /** Text of /etc/passwd in the container, empty when there is none. */
  readonly passwd: string;
  /** Text of /etc/group. */
  readonly group: string;
}

interface PasswdLine {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupLine {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const ID_MAX = 2 ** 31 - 1;
const LINES_MAX = 50_000;

/**
 * Resolves `user`, `uid`, `user:group` or `uid:gid` against the container's own databases, as Docker does: an unknown
 * number is taken as it is, an unknown name is refused. Supplementary groups count only when no group was named.
 */
export function resolveUser(
  text: string,
  groupAdd: readonly string[],
  database: UserDatabase,
): Result<ResolvedUser> {
  const users = parsePasswd(database.passwd);
  const groups = parseGroups(database.group);
  const colon = text.indexOf(':');
  const userText = colon === -1 ? text : text.slice(0, colon);
  const groupText = colon === -1 ? '' : text.slice(colon + 1);
  const user = findUser(userText === '' ? '0' : userText, users);
  if (!user.ok) {
    return user;
  }
  const group = groupText === '' ? undefined : findGroup(groupText, groups);
  if (group?.ok === false) {
    return group;
  }
  const own = group === undefined ? groupsOf(user.value.name, groups) : [];
  const additional = new Set(own);
  for (const name of groupAdd) {
    const added = findGroup(name, groups);
    if (!added.ok) {
      return added;
    }
    additional.add(added.value);
  }
  return ok({
    uid: user.value.uid,
    gid: group?.value ?? user.value.gid,
    additionalGids: [...additional].sort((a, b) => a - b),
    home: user.value.home === '' ? '/' : user.value.home,
  });
}

function groupsOf(userName: string, groups: readonly GroupLine[]): number[] {
  return userName === ''
    ? []
    : groups.filter((line) => line.members.includes(userName)).map((line) => line.gid);
}

function findUser(text: string, users: readonly PasswdLine[]): Result<PasswdLine> {
  const named = users.find((line) => line.name === text);
  if (named !== undefined) {
    return ok(named);
  }
  const uid = parseId(text);
  if (uid === undefined) {
    return fail(
      'invalid_argument',
      `unable to find user ${text.slice(0, 60)}: no matching entries in passwd file`,
    );
  }
  return ok(users.find((line) => line.uid === uid) ?? { name: '', uid, gid: 0, home: '/' });
}

function findGroup(text: string, groups: readonly GroupLine[]): Result<number> {
  const named = groups.find((line) => line.name === text);
  if (named !== undefined) {
    return ok(named.gid);
  }
  const gid = parseId(text);
  return gid === undefined
    ? fail('invalid_argument', `unable to find group ${text.slice(0, 60)}: no matching entries in group file`)
    : ok(gid);
}

function parseId(text: string): number | undefined {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value <= ID_MAX ? value : undefined;
}

function parsePasswd(text: string): PasswdLine[] {
  return lines(text).flatMap((fields) => {
    const [name = '', , uid = '', gid = '', , home = ''] = fields;
    const ids = { uid: parseId(uid), gid: parseId(gid) };
    return ids.uid === undefined || ids.gid === undefined ? [] : [{ name, uid: ids.uid, gid: ids.gid, home }];
  });
}

function parseGroups(text: string): GroupLine[] {
  return lines(text).flatMap((fields) => {
    const [name = '', , gidText = '', members = ''] = fields;
    const gid = parseId(gidText);
    return gid === undefined ? [] : [{ name, gid, members: members.split(',') }];
  });
}

function lines(text: string): string[][] {
  return text
    .split('\n', LINES_MAX)
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => line.trim().split(':'));
}
