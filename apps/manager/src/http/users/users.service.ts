import { Inject, Injectable } from '@nestjs/common';

import type { RequestOf, ResponseOf, UserView } from '@skep/contract';
import {
  createUser,
  removeUser,
  resolveUser,
  updateUser,
  type ControlPlane,
  type WriteTx,
} from '@skep/controlplane';
import { SwarmError } from '@skep/kernel';
import type { User } from '@skep/model';

import { PasswordHasher } from '../../auth/password.ts';
import { Ids } from '../../common/ids.ts';
import { toPage } from '../../common/list.ts';
import type { Caller } from '../../common/request-context.ts';
import { Writer } from '../../common/writer.ts';
import { CONTROL_PLANE } from '../../tokens.ts';
import { toUserView } from '../views.ts';

@Injectable()
export class UsersService {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(Writer) private readonly writer: Writer,
    @Inject(PasswordHasher) private readonly hasher: PasswordHasher,
    @Inject(Ids) private readonly ids: Ids,
  ) {}

  list(query: RequestOf<'listUsers'>['query']): ResponseOf<'listUsers'> {
    return this.controlPlane.view((tx) => {
      const page = toPage(tx.list('user'), query, ({ id, name }) => ({ id, name }));
      return { ...page, items: page.items.map(toUserView), rev: tx.logIndex };
    });
  }

  get(ref: string): UserView {
    return this.controlPlane.view((tx) => toUserView(resolveUser(tx, ref)));
  }

  async create(
    { password, ...rest }: RequestOf<'createUser'>['body'],
    caller: Caller,
  ): Promise<ResponseOf<'createUser'>> {
    const passwordHash = await this.hasher.hash(password);
    const { value, rev } = await this.writer.write(
      caller,
      { action: 'user.create', target: targetOf, detail: `role ${rest.role}` },
      (tx) => createUser(tx, { ...defined(rest), passwordHash }, this.ids),
    );
    return { rev, item: this.get(value.id) };
  }

  async patch(
    ref: string,
    { password, ...rest }: RequestOf<'patchUser'>['body'],
    caller: Caller,
  ): Promise<ResponseOf<'patchUser'>> {
    const passwordHash = password === undefined ? undefined : await this.hasher.hash(password);
    const changed = [...Object.keys(rest), ...(password === undefined ? [] : ['password'])];
    const { value, rev } = await this.writer.write(
      caller,
      { action: 'user.update', target: targetOf, detail: `changed ${changed.join(', ')}` },
      (tx) => updateUser(tx, { user: ref, ...defined(rest), ...defined({ passwordHash }) }),
    );
    return { rev, item: this.get(value.id) };
  }

  async remove(ref: string, caller: Caller): Promise<ResponseOf<'removeUser'>> {
    const { rev } = await this.writer.write(caller, { action: 'user.remove', target: targetOf }, (tx) =>
      removeUser(tx, ref),
    );
    return { rev };
  }

  /** Language and password of the caller. @throws SwarmError `failed_precondition` for callers without an account. */
  async updateSelf(caller: Caller, body: RequestOf<'updateMe'>['body']): Promise<User> {
    const { userId, kind, sessionId } = caller.principal;
    const user = this.controlPlane.view((tx) => (userId === undefined ? undefined : tx.get('user', userId)));
    if (kind !== 'user' || user === undefined) {
      throw new SwarmError(
        'failed_precondition',
        'only people with an account have settings; sign in with a password',
      );
    }
    const { password } = body;
    const passwordHash = password === undefined ? undefined : await this.#newPassword(user, password);
    const { value } = await this.writer.write(
      caller,
      { action: 'user.update', target: targetOf, detail: `changed own ${Object.keys(body).join(', ')}` },
      (tx) => {
        if (passwordHash !== undefined) {
          removeOtherSessions(tx, user.id, sessionId);
        }
        return tx.patch('user', user.id, defined({ passwordHash, locale: body.locale }));
      },
    );
    return value;
  }

  async #newPassword(
    user: User,
    password: { readonly current: string; readonly new: string },
  ): Promise<string> {
    if (!(await this.hasher.verify(user.passwordHash, password.current))) {
      throw new SwarmError('permission_denied', 'the current password is wrong', {
        fields: [{ path: 'password.current', code: 'wrong_password', message: 'is wrong' }],
      });
    }
    return this.hasher.hash(password.new);
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> } & {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
};

/** The object without its undefined properties. */
function defined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function targetOf(user: User): { kind: string; id: string; name: string } {
  return { kind: 'user', id: user.id, name: user.name };
}

function removeOtherSessions(tx: WriteTx, userId: string, keptId: string | undefined): void {
  for (const session of tx.list('session')) {
    if (session.userId === userId && session.id !== keptId) {
      tx.remove('session', session.id);
    }
  }
}
