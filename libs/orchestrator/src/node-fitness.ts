import {
  matchesConstraint,
  parseConstraints,
  type Constraint,
  type ConstraintSubject,
  type Node,
  type Placement,
  type Service,
  type TaskReason,
} from '@skep/model';

import { addressOfNode } from './node-address.ts';

/** The facts of a node that constraints speak of. */
export function constraintSubject(node: Node): ConstraintSubject {
  return {
    id: node.id,
    hostname: node.description?.hostname ?? '',
    role: node.spec.role,
    ip: addressOfNode(node),
    os: node.description?.platform.os ?? '',
    architecture: node.description?.platform.architecture ?? '',
    labels: node.spec.labels ?? {},
    engineLabels: node.description?.engine.labels ?? {},
  };
}

/** Parsed constraints of a placement. Specs were checked when they came in; a bad one now fits no node. */
export function constraintsOf(placement: Placement | undefined): readonly Constraint[] {
  const texts = placement?.constraints ?? [];
  if (texts.length === 0) {
    return [];
  }
  const parsed = parseConstraints(texts);
  return parsed.ok ? parsed.value : [{ key: 'node.id', operator: '==', value: '' }];
}

/**
 * A test of one constraint, made once and asked of many nodes. Label constraints, which are nearly all, are looked up
 * directly; the answer is always that of `matchesConstraint`.
 */
export function compileConstraint(constraint: Constraint): (subject: ConstraintSubject) => boolean {
  const { key, operator, value } = constraint;
  const lower = key.toLowerCase();
  const isEqualWanted = operator === '==';
  for (const [prefix, field] of LABEL_PREFIXES) {
    if (lower.startsWith(prefix)) {
      const label = key.slice(prefix.length);
      return (subject) => ((subject[field][label] ?? '') === value) === isEqualWanted;
    }
  }
  return (subject) => matchesConstraint(constraint, subject);
}

/** Where the labels of a constraint or a placement preference are found. */
export const LABEL_PREFIXES = [
  ['node.labels.', 'labels'],
  ['engine.labels.', 'engineLabels'],
] as const;

/** Why a node can no longer run a task that it was given; undefined when it can. */
export type Unfit = 'gone' | 'down' | 'drain' | 'constraint';

/**
 * The constraint enforcer and the reaction to lost nodes: whether a node may keep a task of a service. A node that is
 * paused or has not been heard of since a new leader came keeps what it has.
 */
export function unfitFor(node: Node | undefined, constraints: readonly Constraint[]): Unfit | undefined {
  if (node === undefined) {
    return 'gone';
  }
  if (node.status.state === 'down') {
    return 'down';
  }
  if (node.spec.availability === 'drain') {
    return 'drain';
  }
  if (constraints.length === 0) {
    return undefined;
  }
  const subject = constraintSubject(node);
  return constraints.every((constraint) => matchesConstraint(constraint, subject)) ? undefined : 'constraint';
}

/** The reason code (console.md appendix A) that goes with {@link Unfit}. */
export function unfitReason(unfit: Unfit, node: Node | undefined, service: Service): TaskReason {
  const name = node?.description?.hostname ?? node?.id ?? '';
  switch (unfit) {
    case 'gone':
    case 'down':
      return { code: 'node.down', params: { node: name } };
    case 'drain':
      return { code: 'node.drain', params: { node: name } };
    case 'constraint':
      return {
        code: 'sched.constraint',
        params: { constraint: (service.spec.task.placement?.constraints ?? []).join(', '), node: name },
      };
  }
}
