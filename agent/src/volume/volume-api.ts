/** A named directory that outlives containers. */
export interface VolumeDetails {
  readonly name: string;
  readonly driver: string;
  /** Directory on the host. */
  readonly mountpoint: string;
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** Made for one container, without a name given by a user. */
  readonly isAnonymous: boolean;
  /** Ids of the containers that have it. */
  readonly usedBy: readonly string[];
}

export interface VolumeSpec {
  /** 64 hexadecimal digits are made up when absent. */
  readonly name?: string;
  /** Only `local` is built in. */
  readonly driver?: string;
  /** Options of the local driver: `type`, `device`, `o` as for mount(8). They are looked at when it is first used. */
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface VolumeApi {
  /**
   * Answers the existing volume when one of this name is there and no other options are asked for.
   * @throws SwarmError `invalid_argument`, `not_found` (no such driver), `already_exists` (it has other options).
   */
  create(spec: VolumeSpec): Promise<VolumeDetails>;
  list(): Promise<readonly VolumeDetails[]>;
  inspect(name: string): Promise<VolumeDetails>;
  /** Refused (`failed_precondition`, Docker status 409) while a container has it. */
  remove(name: string, options?: { readonly force?: boolean }): Promise<void>;
  prune(options?: {
    /** Named ones too. */
    readonly all?: boolean;
    readonly isPrunable?: (volume: VolumeDetails) => boolean;
  }): Promise<{ readonly names: readonly string[]; readonly reclaimedBytes: number }>;
  sizeBytes(name: string): Promise<number>;
}
