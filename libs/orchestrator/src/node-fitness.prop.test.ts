import fc from 'fast-check';
import { expect, test } from 'vitest';

import { matchesConstraint } from '@skep/model';

import { compileConstraint } from './node-fitness.ts';

const Value = fc.constantFrom('a', 'A', 'b', '');

test('a compiled constraint answers as the model does', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('node.labels.x', 'Node.Labels.x', 'engine.labels.x', 'node.role', 'node.id', 'node.ip'),
      fc.constantFrom('==' as const, '!=' as const),
      fc.record({ wanted: Value, node: Value, engine: Value, fact: Value, hasLabels: fc.boolean() }),
      (key, operator, { wanted, node, engine, fact, hasLabels }) => {
        const constraint = { key, operator, value: wanted };
        const subject = {
          id: fact,
          hostname: fact,
          role: fact,
          ip: fact,
          os: fact,
          architecture: fact,
          labels: (hasLabels ? { x: node } : {}) as Record<string, string>,
          engineLabels: (hasLabels ? { x: engine } : {}) as Record<string, string>,
        };
        expect(compileConstraint(constraint)(subject)).toBe(matchesConstraint(constraint, subject));
      },
    ),
  );
});
