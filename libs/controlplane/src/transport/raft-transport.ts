import type { Logger } from 'pino';
import type { WebSocket } from 'ws';

import { errorMessage } from '@skep/kernel';
import type { Member, Message, MessageOf, SnapshotMeta } from '@skep/raft';

import type { TlsMaterial } from '../driver/raft-handle.ts';
import { watchLiveness } from './liveness.ts';
import type { AcceptedSocket } from './manager-server.ts';
import { CLOSE_REMOVED, PeerLink } from './peer-link.ts';
import {
  RAFT_WIRE_VERSION,
  SNAPSHOT_PART_BYTES,
  decodeRaftFrame,
  encodeRaftFrame,
  linkClassOf,
  type LinkClass,
} from './raft-wire.ts';
import { SnapshotReceiver } from './snapshot-receiver.ts';
import { CLOSE_POLICY } from './channel.ts';

export interface RaftTransportOptions {
  readonly clusterId: string;
  /** This member, by the address it has now. */
  readonly self: () => Member;
  readonly tls: TlsMaterial;
  readonly logger: Logger;
  readonly onMessages: (messages: readonly Message[]) => void;
  readonly onUnreachable: (raftId: number) => void;
  readonly onSnapshotSent: (raftId: number, hasArrived: boolean) => void;
  readonly onRemoved: () => void;
  /** The data of a snapshot of this member. */
  readonly loadSnapshot: (meta: SnapshotMeta) => Uint8Array;
}

/** Bound of what connecting managers may teach about addresses. */
const LEARNED_MAX = 64;

const REMOVED_REASON = 'this member was removed from the cluster';

interface Peer {
  readonly member: Member;
  readonly links: Readonly<Record<LinkClass, PeerLink>>;
}

/**
 * Raft messages between managers: each member dials every other one twice, once for votes and heartbeats and once for
 * entries and snapshots, and sends only on the connections that it dialled.
 */
export class RaftTransport {
  readonly #options: RaftTransportOptions;
  #tls: TlsMaterial;
  readonly #peers = new Map<number, Peer>();
  /** Addresses that peers named when they connected: newer than an old membership, until that names them itself. */
  readonly #learned = new Map<number, Member>();
  /** Accepted connections by the member that they speak for. */
  readonly #incoming = new Map<number, Set<WebSocket>>();
  #members: readonly Member[] = [];
  #removed: readonly number[] = [];

  constructor(options: RaftTransportOptions) {
    this.#options = options;
    this.#tls = options.tls;
  }

  /** Follows the membership. */
  setMembers(members: readonly Member[], removed: readonly number[]): void {
    this.#members = members;
    this.#removed = removed;
    for (const member of members) {
      if (this.#learned.get(member.raftId)?.addr === member.addr) {
        this.#learned.delete(member.raftId);
      }
    }
    for (const raftId of removed) {
      this.#learned.delete(raftId);
      for (const socket of this.#incoming.get(raftId) ?? []) {
        socket.close(CLOSE_REMOVED, REMOVED_REASON);
      }
    }
    this.#syncPeers();
  }

  #syncPeers(): void {
    const wanted = new Map(this.#members.map((member) => [member.raftId, member]));
    for (const [raftId, member] of this.#learned) {
      wanted.set(raftId, member);
    }
    wanted.delete(this.#options.self().raftId);
    for (const [raftId, peer] of this.#peers) {
      const member = wanted.get(raftId);
      if (member?.addr !== peer.member.addr || member.nodeId !== peer.member.nodeId) {
        this.#drop(raftId, peer);
      }
    }
    for (const member of wanted.values()) {
      if (!this.#peers.has(member.raftId)) {
        this.#peers.set(member.raftId, {
          member,
          links: { control: this.#dial(member, 'control'), bulk: this.#dial(member, 'bulk') },
        });
      }
    }
  }

  #dial(member: Member, linkClass: LinkClass): PeerLink {
    const { clusterId, self, logger, onRemoved } = this.#options;
    return new PeerLink({
      clusterId,
      from: self,
      to: member,
      linkClass,
      tls: () => this.#tls,
      logger,
      onRemoved,
    });
  }

  #drop(raftId: number, peer: Peer): void {
    peer.links.control.close();
    peer.links.bulk.close();
    this.#peers.delete(raftId);
  }

  setTls(tls: TlsMaterial): void {
    this.#tls = tls;
    this.reconnect();
  }

  /** Dials everyone anew: peers learn this member's certificate and address when it connects. */
  reconnect(): void {
    for (const peer of this.#peers.values()) {
      peer.links.control.reconnect();
      peer.links.bulk.reconnect();
    }
  }

  /** The address of this host on the way to some other member; undefined while no link is up. */
  get localAddress(): string | undefined {
    return [...this.#peers.values()].map((peer) => peer.links.control.localAddress).find(Boolean);
  }

  /** Sends what can be sent; the rest is dropped and reported. Messages of one call share frames. */
  send(messages: readonly Message[]): void {
    const batches = new Map<string, { peer: Peer; linkClass: LinkClass; messages: Message[] }>();
    for (const message of messages) {
      const peer = this.#peers.get(message.to);
      if (peer === undefined) {
        this.#noteUnsent(message);
      } else if (message.type === 'snapshot') {
        void this.#sendSnapshot(peer, message);
      } else {
        const linkClass = linkClassOf(message);
        const key = `${linkClass}:${String(message.to)}`;
        const batch = batches.get(key) ?? { peer, linkClass, messages: [] };
        batch.messages.push(message);
        batches.set(key, batch);
      }
    }
    for (const batch of batches.values()) {
      const frame = encodeRaftFrame({ kind: 'messages', messages: batch.messages });
      if (!batch.peer.links[batch.linkClass].send(frame) && batch.linkClass === 'bulk') {
        this.#options.onUnreachable(batch.peer.member.raftId);
      }
    }
  }

  #noteUnsent(message: Message): void {
    if (message.type === 'snapshot') {
      this.#options.onSnapshotSent(message.to, false);
    } else if (message.type === 'append') {
      this.#options.onUnreachable(message.to);
    }
  }

  async #sendSnapshot(peer: Peer, message: MessageOf<'snapshot'>): Promise<void> {
    const link = peer.links.bulk;
    const { meta } = message.snapshot;
    const facts = { peer: peer.member.nodeId, logIndex: meta.logIndex };
    try {
      const data = this.#options.loadSnapshot(meta);
      const announced: Message = { ...message, snapshot: { meta, data: new Uint8Array(0) } };
      await link.sendAndFlush(
        encodeRaftFrame({ kind: 'snapshotBegin', message: announced, sizeBytes: data.length }),
      );
      for (let at = 0; at < data.length; at += SNAPSHOT_PART_BYTES) {
        const part = data.subarray(at, at + SNAPSHOT_PART_BYTES);
        await link.sendAndFlush(encodeRaftFrame({ kind: 'snapshotPart', data: part }));
      }
      await link.sendAndFlush(encodeRaftFrame({ kind: 'snapshotEnd' }));
      this.#options.logger.info({ ...facts, sizeBytes: data.length }, 'sent a snapshot to a manager');
      this.#options.onSnapshotSent(message.to, true);
    } catch (error) {
      this.#options.logger.warn({ ...facts, err: error }, 'could not send a snapshot to a manager');
      this.#options.onSnapshotSent(message.to, false);
    }
  }

  /** Takes a connection to `/raft`. */
  accept({ socket, query, peer }: AcceptedSocket): void {
    const refusal = this.#refusal(query, peer?.nodeId ?? '');
    if (refusal !== undefined) {
      this.#options.logger.warn({ peer: peer?.nodeId, reason: refusal.reason }, 'refused a manager');
      socket.close(refusal.code, refusal.reason);
      return;
    }
    this.#learn(query, peer?.nodeId ?? '');
    watchLiveness(socket);
    this.#track(Number(query['from']), socket);
    const snapshots = new SnapshotReceiver();
    const from = Number(query['from']);
    socket.on('message', (data: Buffer) => {
      try {
        const frame = decodeRaftFrame(data);
        const messages =
          frame.kind === 'messages' ? frame.messages : [snapshots.add(frame)].filter((m) => m !== undefined);
        this.#options.onMessages(messages.filter((message) => this.#isAddressed(message, from)));
      } catch (error) {
        this.#options.logger.warn({ peer: peer?.nodeId, err: error }, 'a manager sent a damaged frame');
        socket.close(CLOSE_POLICY, errorMessage(error).slice(0, 100));
      }
    });
  }

  #track(from: number, socket: WebSocket): void {
    const sockets = this.#incoming.get(from) ?? new Set<WebSocket>();
    this.#incoming.set(from, sockets.add(socket));
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) {
        this.#incoming.delete(from);
      }
    });
  }

  /** A connection speaks for its own member only. */
  #isAddressed(message: Message, from: number): boolean {
    return message.from === from && message.to === this.#options.self().raftId;
  }

  #refusal(
    query: AcceptedSocket['query'],
    nodeId: string,
  ): { readonly code: number; readonly reason: string } | undefined {
    const from = Number(query['from']);
    if (query['v'] !== String(RAFT_WIRE_VERSION)) {
      return { code: CLOSE_POLICY, reason: `this manager speaks version ${String(RAFT_WIRE_VERSION)}` };
    }
    if (!Number.isSafeInteger(from) || from <= 0) {
      return { code: CLOSE_POLICY, reason: 'from is not a raft id' };
    }
    if (Number(query['to']) !== this.#options.self().raftId) {
      return { code: CLOSE_POLICY, reason: 'another member is at this address now' };
    }
    if (this.#removed.includes(from)) {
      return { code: CLOSE_REMOVED, reason: REMOVED_REASON };
    }
    const known = this.#members.find((member) => member.raftId === from);
    if (known !== undefined && known.nodeId !== nodeId) {
      return { code: CLOSE_POLICY, reason: 'the certificate is not the one of this member' };
    }
    return undefined;
  }

  #learn(query: AcceptedSocket['query'], nodeId: string): void {
    const raftId = Number(query['from']);
    const addr = query['addr'] ?? '';
    const known = this.#members.find((member) => member.raftId === raftId);
    if (addr !== '' && known?.addr !== addr && this.#learned.size < LEARNED_MAX) {
      this.#learned.set(raftId, { raftId, nodeId, addr });
      this.#syncPeers();
    }
  }

  /** Whether the link for entries to `raftId` is up. */
  isConnected(raftId: number): boolean {
    return this.#peers.get(raftId)?.links.bulk.isOpen === true;
  }

  close(): void {
    for (const [raftId, peer] of this.#peers) {
      this.#drop(raftId, peer);
    }
  }
}
