import { describe, expect, test } from 'vitest';
import type { Digest, ImageConfig, ImageHistory } from '@skep/oci';
import { EMPTY_CONFIG } from '../image-layer.ts';
import { cacheSteps, isBuiltOn } from './cache-steps.ts';

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}`;
let clock = 0;

function entry(createdBy: string, isEmptyLayer = true): ImageHistory {
  clock += 1;
  return {
    created: `2026-01-01T00:00:0${String(clock % 10)}Z`,
    createdBy,
    author: 'me',
    comment: '',
    isEmptyLayer,
  };
}

const nop = (text: string): ImageHistory => entry(`/bin/sh -c #(nop) ${text}`);

const base: ImageConfig = {
  ...EMPTY_CONFIG,
  env: ['PATH=/bin'],
  cmd: ['sh'],
  diffIds: [digest('a')],
  history: [entry('/bin/sh -c #(nop) ADD file:1 in / ', false), nop('CMD ["sh"]')],
};

function made(changes: Partial<ImageConfig>, ...history: readonly ImageHistory[]): ImageConfig {
  const layers = history.filter((each) => !each.isEmptyLayer).map((_, index) => digest(String(index)));
  return {
    ...base,
    ...changes,
    diffIds: [...base.diffIds, ...layers],
    history: [...base.history, ...history],
  };
}

function steps(source: ImageConfig): readonly ImageConfig[] {
  const answer = cacheSteps(base, source);
  if (!answer.ok) {
    throw answer.error;
  }
  return answer.value;
}

describe('cacheSteps', () => {
  test('each image has its part of the history, of the layers and of the configuration', () => {
    const history = [
      nop('ENV A=1 B="two words"'),
      entry('/bin/sh -c echo > /x', false),
      nop('ENV A=$B'),
      nop('COPY file:2 in /f '),
      nop('LABEL l=v'),
      entry('|1 V=1 /bin/sh -c echo $V', false),
      nop('CMD ["last"]'),
    ];
    const source = made(
      { env: ['PATH=/bin', 'A=two words', 'B=two words'], labels: { l: 'v' }, cmd: ['last'] },
      ...history,
    );
    const found = steps(source);
    expect(found.map((config) => config.history)).toEqual(
      history.slice(0, -1).map((_, index) => source.history.slice(0, 3 + index)),
    );
    expect(found.map((config) => config.diffIds.length)).toEqual([1, 2, 2, 2, 2, 3]);
    expect(found.map((config) => config.env)).toEqual([
      ['PATH=/bin', 'A=1', 'B=two words'],
      ['PATH=/bin', 'A=1', 'B=two words'],
      ...Array.from({ length: 4 }, () => source.env),
    ]);
    expect(found.map((config) => config.labels)).toEqual([{}, {}, {}, {}, { l: 'v' }, { l: 'v' }]);
    expect(found.every((config) => config.cmd[0] === 'sh')).toBe(true);
    expect(found[0]).toMatchObject({ created: history[0]?.created, author: 'me' });
  });

  test('an entrypoint takes the command of the base away', () => {
    const source = made(
      { entrypoint: ['/e'], cmd: ['c'] },
      nop('ENTRYPOINT ["/e"]'),
      nop('USER 5'),
      nop('CMD ["c"]'),
      nop('EXPOSE 80'),
    );
    expect(steps({ ...source, user: '5' })[0]).toMatchObject({ entrypoint: ['/e'], cmd: [] });
  });

  test.each([
    ['BuildKit', made({}, entry('RUN /bin/sh -c true # buildkit'), nop('USER 2')), 'another kind of builder'],
    [
      'squashed',
      { ...made({}, entry('/bin/sh -c x', false)), diffIds: base.diffIds },
      'does not fit its layers',
    ],
    ['a variable', made({}, nop('USER $U'), nop('USER 2')), 'what its step "USER $U" did cannot be told'],
    ['a relative path', made({}, nop('WORKDIR a'), nop('WORKDIR /b')), 'what its step "WORKDIR a" did'],
    ['an unknown step', made({}, nop('NEW x'), nop('USER 2')), 'what its step "NEW x" did'],
    [
      'a health check',
      made({}, nop('HEALTHCHECK NONE'), nop('HEALTHCHECK NONE')),
      'what its step "HEALTHCHECK NONE"',
    ],
  ])('says why it cannot: %s', (_name, source, reason) => {
    const answer = cacheSteps(base, source);
    expect(answer.ok ? '' : answer.error.message).toContain(reason);
  });
});

test('an image is built on another when its history and layers go on from there', () => {
  const source = made({}, nop('USER 1'));
  expect(isBuiltOn(base, source)).toBe(true);
  expect(isBuiltOn(EMPTY_CONFIG, source)).toBe(true);
  expect(isBuiltOn(base, base)).toBe(false);
  expect(isBuiltOn(base, { ...source, history: [nop('X'), nop('Y'), nop('Z')] })).toBe(false);
  expect(isBuiltOn(base, { ...source, diffIds: [digest('b')] })).toBe(false);
});
