import { fail, ok, type Result } from '@skep/kernel';
import type { ReadTx } from '@skep/store';

/** First VXLAN network identifier given; smaller ones are left to the operator, as in Swarm. */
export const VNI_FIRST = 4097;
const VNI_LAST = 0xff_ff_ff;

/** The driver option by which a network asks for a certain VNI (Docker's name). */
const VNI_OPTION = 'com.docker.network.driver.overlay.vxlanid_list';

/** The lowest free VNI, or the one that the network's driver options ask for. */
export function chooseVni(
  tx: ReadTx,
  driverOpts: Readonly<Record<string, string>> | undefined,
): Result<number> {
  const wanted = driverOpts?.[VNI_OPTION];
  if (wanted !== undefined) {
    const vni = Number(wanted.split(',')[0]);
    if (!Number.isSafeInteger(vni) || vni < 1 || vni > VNI_LAST) {
      return fail('invalid_argument', `invalid vxlan id value "${wanted}" passed`);
    }
    const owner = tx.ownerOfVni(vni);
    return owner === undefined
      ? ok(vni)
      : fail('failed_precondition', `VXLAN id ${String(vni)} is in use by network ${owner.id}`);
  }
  for (let vni = VNI_FIRST; vni <= VNI_LAST; vni += 1) {
    if (tx.ownerOfVni(vni) === undefined) {
      return ok(vni);
    }
  }
  return fail('resource_exhausted', 'no VXLAN id is free');
}
