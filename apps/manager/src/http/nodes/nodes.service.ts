import { Inject, Injectable } from '@nestjs/common';

import { roleHolds, type NodeView, type RequestOf, type ResponseOf } from '@skep/contract';
import {
  assertVersion,
  updateNode,
  type ControlPlane,
  type ReadTx,
  type UpdateContext,
} from '@skep/controlplane';
import { SwarmError } from '@skep/kernel';
import { NodeSpec, type Node, type NodeRole } from '@skep/model';

import { hasLabel, isAny, toPage } from '../../common/list.ts';
import { findNode, nodeName } from '../../common/lookup.ts';
import { mergePatch } from '../../common/merge-patch.ts';
import type { Caller } from '../../common/request-context.ts';
import { versionOf } from '../../common/targets.ts';
import { validateValue } from '../../common/validate.ts';
import { Writer, toUpdateContext } from '../../common/writer.ts';
import { CONTROL_PLANE } from '../../tokens.ts';

interface SpecChange {
  readonly ref: string;
  readonly version?: number;
  readonly toSpec: (node: Node) => NodeSpec;
}

@Injectable()
export class NodesService {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(Writer) private readonly writer: Writer,
  ) {}

  list(query: RequestOf<'listNodes'>['query']): ResponseOf<'listNodes'> {
    const { role, availability, state, nodeLabel } = query;
    return this.controlPlane.view((tx) => {
      const nodes = tx
        .list('node')
        .filter(
          (node) =>
            (role === undefined || node.spec.role === role) &&
            (availability === undefined || node.spec.availability === availability) &&
            (state === undefined || node.status.state === state) &&
            isAny(nodeLabel, (wanted) => hasLabel(node.spec.labels, wanted)),
        );
      const page = toPage(nodes, query, (node) => ({
        id: node.id,
        name: nodeName(node),
        labels: node.description?.engine.labels,
      }));
      return { ...page, rev: tx.logIndex };
    });
  }

  get(ref: string): NodeView {
    return this.controlPlane.view((tx) => this.#find(tx, ref));
  }

  patch({ params, query, body }: RequestOf<'patchNode'>, caller: Caller): Promise<ResponseOf<'patchNode'>> {
    const isOperation = Object.keys(body).every((key) => key === 'availability');
    if (!isOperation && !roleHolds(caller.principal.role, 'node.write')) {
      throw new SwarmError(
        'permission_denied',
        `the role ${caller.principal.role} may only change a node's availability`,
        { details: { permission: 'node.write', role: caller.principal.role } },
      );
    }
    return this.#changeSpec(
      {
        ref: params.node,
        ...versionOf(query),
        toSpec: (node) => validateValue(NodeSpec, mergePatch(node.spec, body)),
      },
      caller,
    );
  }

  put({ params, query, body }: RequestOf<'putNode'>, caller: Caller): Promise<ResponseOf<'putNode'>> {
    return this.#changeSpec({ ref: params.node, ...versionOf(query), toSpec: () => body }, caller);
  }

  setRole(ref: string, role: NodeRole, caller: Caller): Promise<ResponseOf<'promoteNode'>> {
    return this.#changeSpec({ ref, toSpec: (node) => ({ ...node.spec, role }) }, caller);
  }

  async remove(ref: string, isForced: boolean, caller: Caller): Promise<ResponseOf<'removeNode'>> {
    const node = this.get(ref);
    const context: UpdateContext<void> = toUpdateContext(caller, {
      action: 'node.remove',
      target: targetOf(node),
    });
    const { rev } = await this.controlPlane.removeNode(context, node.id, { force: isForced });
    return { rev };
  }

  /** The role is the control plane's to change, for it has to look after the quorum; the rest is one transaction. */
  async #changeSpec(change: SpecChange, caller: Caller): Promise<ResponseOf<'patchNode'>> {
    const node = this.get(change.ref);
    assertVersion(node, change.version);
    const wantedRole = change.toSpec(node).role;
    let rev: number | undefined;
    if (wantedRole !== node.spec.role) {
      rev = await this.#changeRole(node, wantedRole, caller);
    }
    const now = this.get(node.id);
    if (!isSameSpec(change.toSpec(now), now.spec) || rev === undefined) {
      const detail = describe(now.spec, change.toSpec(now));
      const result = await this.writer.write(
        caller,
        { action: 'node.update', target: targetOf(node), ...(detail === '' ? {} : { detail }) },
        (tx) => {
          const current = this.#find(tx, node.id);
          const isUntouched = rev === undefined && change.version !== undefined;
          const version = isUntouched ? { version: change.version } : {};
          const spec = { ...change.toSpec(current), role: current.spec.role };
          return updateNode(tx, { node: node.id, spec, ...version });
        },
      );
      rev = result.rev;
    }
    return { rev, item: this.get(node.id) };
  }

  async #changeRole(node: Node, role: NodeRole, caller: Caller): Promise<number> {
    const action = role === 'manager' ? 'node.promote' : 'node.demote';
    const context: UpdateContext<void> = toUpdateContext(caller, { action, target: targetOf(node) });
    const { rev } =
      role === 'manager'
        ? await this.controlPlane.promoteNode(context, node.id)
        : await this.controlPlane.demoteNode(context, node.id);
    return rev;
  }

  #find(tx: ReadTx, ref: string): Node {
    return findNode(tx, ref, this.controlPlane.nodeId);
  }
}

function targetOf(node: Node): { kind: string; id: string; name: string } {
  return { kind: 'node', id: node.id, name: nodeName(node) };
}

function isSameSpec(a: NodeSpec, b: NodeSpec): boolean {
  return describe(a, b) === '';
}

function describe(before: NodeSpec, after: NodeSpec): string {
  const keys = ['name', 'labels', 'role', 'availability'] as const;
  return keys
    .filter((key) => JSON.stringify(before[key] ?? null) !== JSON.stringify(after[key] ?? null))
    .map((key) => (key === 'labels' ? 'labels' : `${key} ${before[key] ?? ''} -> ${after[key] ?? ''}`))
    .join(', ');
}
