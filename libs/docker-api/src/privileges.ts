import { SwarmError } from '@skep/kernel';
import type { ContainerSpec } from '@skep/model';
import { z } from 'zod';

import { compact, orOmit } from './body.ts';

type Privileges = NonNullable<ContainerSpec['privileges']>;

/** Docker's `Privileges` of a service's containers. */
export const DockerPrivileges = z.object({
  CredentialSpec: z.unknown().optional(),
  SELinuxContext: z
    .object({
      Disable: z.boolean().optional(),
      User: z.string().optional(),
      Role: z.string().optional(),
      Type: z.string().optional(),
      Level: z.string().optional(),
    })
    .nullish(),
  Seccomp: z
    .object({
      Mode: z.enum(['', 'default', 'unconfined', 'custom']).optional(),
      /** Base 64. */
      Profile: z.string().optional(),
    })
    .optional(),
  AppArmor: z.object({ Mode: z.enum(['', 'default', 'disabled']).optional() }).optional(),
  NoNewPrivileges: z.boolean().optional(),
});
export type DockerPrivileges = z.infer<typeof DockerPrivileges>;

/** @throws SwarmError `unimplemented` for Windows credential specs. */
export function privilegesFromDocker(privileges: DockerPrivileges): Privileges {
  if (privileges.CredentialSpec !== undefined && privileges.CredentialSpec !== null) {
    throw new SwarmError(
      'unimplemented',
      'Privileges.CredentialSpec (Windows credential specs) is not supported',
    );
  }
  const selinux = privileges.SELinuxContext;
  return compact<Privileges>({
    noNewPrivileges: orOmit(privileges.NoNewPrivileges),
    seccomp: privileges.Seccomp && {
      mode: orOmit(privileges.Seccomp.Mode) ?? 'default',
      profile: orOmit(privileges.Seccomp.Profile),
    },
    appArmor: privileges.AppArmor && { mode: orOmit(privileges.AppArmor.Mode) ?? 'default' },
    seLinux: selinux
      ? {
          disable: orOmit(selinux.Disable),
          user: orOmit(selinux.User),
          role: orOmit(selinux.Role),
          type: orOmit(selinux.Type),
          level: orOmit(selinux.Level),
        }
      : undefined,
  });
}

/** Go writes the pointers without `omitempty` here, so absent parts are null. */
export function privilegesToDocker(privileges: Privileges): DockerPrivileges {
  const selinux = privileges.seLinux;
  return {
    CredentialSpec: null,
    SELinuxContext: selinux
      ? {
          Disable: selinux.disable ?? false,
          User: selinux.user ?? '',
          Role: selinux.role ?? '',
          Type: selinux.type ?? '',
          Level: selinux.level ?? '',
        }
      : null,
    ...(privileges.seccomp
      ? { Seccomp: compact({ Mode: privileges.seccomp.mode, Profile: privileges.seccomp.profile }) }
      : {}),
    ...(privileges.appArmor ? { AppArmor: { Mode: privileges.appArmor.mode } } : {}),
    NoNewPrivileges: privileges.noNewPrivileges ?? false,
  };
}
