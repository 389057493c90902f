import { closeSync, openSync } from 'node:fs';

import { SwarmError, errorMessage, isSwarmError } from '@skep/kernel';

import { containerRequests, hostEndOfPlan, hostRequests, ipv6Sysctls } from './attach.ts';
import type { InterfacePlan } from './attach.ts';
import type { VethLink } from './kernel-object.ts';
import { ERRNO, deviceIndexOf } from './libc.ts';
import { setSysctls } from './namespace-setup.ts';
import { removeLink } from './netlink.ts';
import type { NetlinkRequest } from './netlink.ts';
import type { NetnsDirectory } from './netns.ts';
import { RouteSocket } from './route-socket.ts';

/** Makes the interfaces of containers: both ends in one go, without a child process. */
export class InterfaceMaker {
  readonly #netns: NetnsDirectory;
  /** Speaks for the host's namespace. */
  readonly #host = new RouteSocket();

  constructor(netns: NetnsDirectory) {
    this.#netns = netns;
  }

  /**
   * Makes interfaces in the namespace `containerId` and answers their host ends as the kernel now has them.
   * @throws SwarmError `unavailable` with the kernel's reason; what was made goes with the namespace.
   */
  async make(containerId: string, name: string, plans: readonly InterfacePlan[]): Promise<VethLink[]> {
    const namespaceFd = openSync(this.#netns.pathOf(containerId), 'r');
    const inside = this.#netns.enter(containerId, () => new RouteSocket());
    try {
      const links: VethLink[] = [];
      for (const plan of plans) {
        const bridgeIndex = plan.bridgeName === undefined ? undefined : deviceIndexOf(plan.bridgeName);
        await this.#makePair(plan, hostRequests(plan, namespaceFd, bridgeIndex));
        const { interfaceName } = plan.attachment;
        const index = this.#netns.enter(containerId, () => {
          if (plan.ipv6 !== undefined) {
            setSysctls(ipv6Sysctls(interfaceName));
          }
          return deviceIndexOf(interfaceName);
        });
        await inside.request(containerRequests(plan, index ?? 0));
        links.push(hostEndLink(plan, bridgeIndex !== undefined));
      }
      return links;
    } catch (error) {
      throw new SwarmError(
        'unavailable',
        `the network of container ${name} could not be made: ${errorMessage(error)}`,
        { cause: error },
      );
    } finally {
      inside.close();
      closeSync(namespaceFd);
    }
  }

  close(): void {
    this.#host.close();
  }

  /**
   * A container that starts again at once finds its interface of before: the kernel takes that away only when it has
   * ended the former namespace, in its own time.
   */
  async #makePair(plan: InterfacePlan, requests: readonly NetlinkRequest[]): Promise<void> {
    try {
      await this.#host.request(requests);
    } catch (error) {
      if (!isRefusal(error, ERRNO.EEXIST)) {
        throw error;
      }
      await this.#host.request([removeLink(hostEndOfPlan(plan))]).catch((refusal: unknown) => {
        if (!isRefusal(refusal, ERRNO.ENODEV)) {
          throw refusal;
        }
      });
      await this.#host.request(requests);
    }
  }
}

/** Whether the kernel refused a request for this reason. */
function isRefusal(error: unknown, errno: number | undefined): boolean {
  return isSwarmError(error, 'unavailable') && error.details['errno'] === errno;
}

function hostEndLink(plan: InterfacePlan, isPort: boolean): VethLink {
  const name = hostEndOfPlan(plan);
  const port = isPort && plan.bridgeName !== undefined ? { master: plan.bridgeName, isHairpin: true } : {};
  return { kind: 'link', type: 'veth', name, group: plan.group, isUp: true, ...port };
}
