import type { FollowerServer } from './broker/follower-server.ts';
import type { CertificateService } from './ca/certificate-service.ts';
import type { Dispatcher } from './dispatcher/dispatcher.ts';
import type { RaftHandle } from './driver/raft-handle.ts';

/** Leads each channel that is opened on the manager port to the part that serves it. */
export function serveChannels(
  channels: RaftHandle['channels'],
  parts: {
    readonly dispatcher: Dispatcher;
    readonly followers: FollowerServer;
    readonly certificates: CertificateService;
  },
): void {
  channels.on('/session', (channel) => {
    parts.dispatcher.accept(channel);
  });
  channels.on('/channel', (channel) => {
    parts.followers.accept(channel);
  });
  channels.on('/ca/join', (channel) => {
    parts.certificates.acceptJoin(channel);
  });
  channels.on('/ca/renew', (channel) => {
    parts.certificates.acceptRenewal(channel);
  });
}
