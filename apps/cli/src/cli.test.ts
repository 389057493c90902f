import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';

import { renderInfo } from './commands/cluster.ts';
import { renderCompletion } from './commands/completion.ts';
import { toSpec } from './commands/network.ts';
import { nameFromImage } from './commands/service/create.ts';
import {
  applyTaskFlags,
  parseFileFlag,
  parseMode,
  parseMountFlag,
  parsePublishFlag,
  updateConfigOf,
} from './commands/service/spec-flags.ts';
import { toQuery } from './commands/service/service.ts';
import { renderPlan } from './commands/stack.ts';
import { parseHost } from './connection/target.ts';
import { renderTable } from './output.ts';
import { EXAMPLES } from './examples.ts';
import { createProgram } from './program.ts';

describe('the command line', () => {
  const program = createProgram();

  test('has the nouns and verbs of the design', () => {
    const names = program.commands.map((command) => command.name());
    for (const name of 'init join leave ca unlock node service stack task secret config network volume image container build logs exec events top doctor login context completion'.split(
      ' ',
    )) {
      expect(names).toContain(name);
    }
  });

  test('every command says what it does', () => {
    for (const command of program.commands.flatMap((noun) => [noun, ...noun.commands])) {
      expect(command.description(), command.name()).not.toBe('');
    }
  });

  test.each(Object.entries(EXAMPLES))('the examples of %s are taken by its parser', (path, lines) => {
    for (const line of lines) {
      const words = (/swarm (.*)$/.exec(line)?.[1] ?? '').split(' ');
      const names = path.split(' ');
      expect(words.slice(0, names.length)).toEqual(names);
      const command = names.reduce<Command | undefined>(
        (at, name) => at?.commands.find((each) => each.name() === name),
        createProgram(),
      );
      const known = new Set(command?.options.flatMap(({ long, short }) => [long, short]));
      const flags = words
        .slice(names.length)
        .filter((word) => /^--[a-z]/.test(word) || (word === '-c' && path.startsWith('stack')));
      expect(flags.filter((flag) => !known.has(flag))).toEqual([]);
    }
  });

  test('completion knows the verbs of a noun', () => {
    expect(renderCompletion(program)).toMatch(/service\) words="create update ls/);
  });
});

describe('info', () => {
  test('tells of a host in a cluster, and of one in none, only what it has', () => {
    const outside = { version: '0.1.0', hostname: 'h1', state: 'inactive', error: '', managers: [] };
    expect(renderInfo(outside)).toBe('Host:     h1\nVersion:  0.1.0\nCluster:  inactive');
    expect(
      renderInfo({ ...outside, state: 'active', managers: [{ nodeId: 'n1', addr: '10.0.0.1:2377' }] }),
    ).toContain('Managers: 10.0.0.1:2377');
  });
});

describe('a network', () => {
  test('has the driver overlay, and another is refused with what to do', () => {
    expect(toSpec('front', { driver: 'overlay' })).toEqual({ name: 'front', driver: 'overlay' });
    expect(() => toSpec('front', { driver: 'bridge' })).toThrow(/docker network create/);
  });
});

describe('addresses', () => {
  test.each([
    ['unix:///run/skep/skep.sock', { kind: 'socket', socketPath: '/run/skep/skep.sock' }],
    ['https://m1:8377', { kind: 'tls', url: 'https://m1:8377' }],
    ['http://127.0.0.1:8377', { kind: 'tls', url: 'http://127.0.0.1:8377' }],
  ])('%s', (text, target) => {
    expect(parseHost(text)).toEqual(target);
  });

  test.each(['m1:8377', 'http://10.0.0.1:8377', 'ftp://x', ''])('"%s" is refused', (text) => {
    expect(() => parseHost(text)).toThrow(/--host/);
  });
});

describe('flags', () => {
  test('limits, restart and health land where they belong', () => {
    const task = applyTaskFlags(
      { container: { image: 'x' } },
      { limitMemory: '64m', limitCpu: '0.5', restartDelay: '2s', healthCmd: 'true', user: 'nobody' },
    );
    expect(task).toEqual({
      container: { image: 'x', user: 'nobody', healthcheck: { test: ['CMD-SHELL', 'true'] } },
      resources: { limits: { memoryBytes: 64 * 1024 ** 2, nanoCpus: 5e8 } },
      restart: { delayNs: 2e9 },
    });
  });

  test('what flags do not speak of stays', () => {
    const before = { container: { image: 'x', env: ['A=1'] }, resources: { limits: { pids: 5 } } };
    expect(applyTaskFlags(before, { limitMemory: '8m' }).resources).toEqual({
      limits: { pids: 5, memoryBytes: 8 * 1024 ** 2 },
    });
    expect(applyTaskFlags(before, {})).toEqual(before);
  });

  test('update policy', () => {
    expect(
      updateConfigOf(
        'update',
        { updateParallelism: '2', updateMaxFailureRatio: '0.1', updateOrder: 'start-first' },
        undefined,
      ),
    ).toEqual({ parallelism: 2, maxFailurePerMille: 100, order: 'start-first' });
    expect(updateConfigOf('rollback', {}, undefined)).toBeUndefined();
  });

  test('ports, mounts, files, modes', () => {
    expect(parsePublishFlag('8080:80/udp')).toEqual([
      { protocol: 'udp', targetPort: 80, publishedPort: 8080, publishMode: 'ingress' },
    ]);
    expect(parsePublishFlag('published=8080,target=80,mode=host')).toEqual([
      { protocol: 'tcp', targetPort: 80, publishedPort: 8080, publishMode: 'host' },
    ]);
    expect(parseMountFlag('type=bind,src=/a,dst=/b,readonly')).toEqual({
      type: 'bind',
      source: '/a',
      target: '/b',
      readOnly: true,
    });
    expect(parseFileFlag('source=key,target=k,mode=0400', '')).toEqual({
      name: 'key',
      file: { name: 'k', uid: '0', gid: '0', mode: 0o400 },
    });
    expect(parseFileFlag('site', '/').file.name).toBe('/site');
    expect(parseMode('global', undefined)).toEqual({ type: 'global' });
  });

  test.each<[string, () => unknown]>([
    ['a mount without target', () => parseMountFlag('type=volume,source=a')],
    ['a port without target', () => parsePublishFlag('published=80')],
    ['replicas of a global service', () => parseMode('global', '3')],
    ['an unknown mode', () => parseMode('many', undefined)],
    ['a negative number', () => parseMode('replicated', '-1')],
    ['an unknown filter', () => toQuery(['colour=red'])],
    ['a bad size', () => applyTaskFlags({ container: { image: 'x' } }, { limitMemory: 'lots' })],
  ])('%s is refused', (_name, run) => {
    expect(run).toThrow();
  });

  test.each([
    ['nginx', 'nginx'],
    ['registry:5000/shop/web:1.2@sha256:abc', 'web'],
  ])('a service of %s is named %s', (image, name) => {
    expect(nameFromImage(image)).toBe(name);
  });
});

describe('output', () => {
  test('tables have aligned columns and no trailing blanks', () => {
    expect(
      renderTable(
        ['ID', 'NAME'],
        [
          ['1', 'web'],
          ['12345', 'a'],
        ],
      ),
    ).toBe('ID     NAME\n1      web\n12345  a');
  });

  test('a plan shows what changes and what blocks', () => {
    const plan = {
      planId: 'p',
      baseRev: 1,
      warnings: [],
      blockers: [{ path: 'x', code: 'c', message: 'port 80 is taken' }],
      actions: [
        {
          kind: 'service',
          op: 'update',
          name: 'web',
          changes: [{ path: 'mode.replicas', before: 1, after: 3 }],
          tasksStarted: 2,
          tasksRestarted: 0,
          tasksStopped: 0,
        },
        {
          kind: 'network',
          op: 'keep',
          name: 'front',
          changes: [],
          tasksStarted: 0,
          tasksRestarted: 0,
          tasksStopped: 0,
        },
      ],
      impact: { tasksStarted: 2, tasksRestarted: 0, tasksStopped: 0 },
    } as const;
    const text = renderPlan({
      ...plan,
      actions: plan.actions.map((action) => ({ ...action, changes: [...action.changes] })),
      warnings: [],
      blockers: [...plan.blockers],
    });
    expect(text).toContain('~ update service web\n    mode.replicas: 1 → 3');
    expect(text).not.toContain('front');
    expect(text).toContain('blocked: port 80 is taken');
  });
});
