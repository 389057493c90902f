import { describe, expect, test } from 'vitest';
import type { ResourceConfig } from './container-config.ts';
import { checkLimits, checkLogging, checkUpdate, parseNumberList, type HostLimits } from './limit-checks.ts';

const MIB = 1024 * 1024;
const HOST: HostLimits = {
  cpuCount: 2,
  cpusOnline: '0-1',
  memoryNodesOnline: '0',
  canWeighBlockIo: false,
};

function faultOf(resources: ResourceConfig): string | undefined {
  const checked = checkLimits(resources, HOST);
  return checked.ok ? undefined : checked.error.message;
}

describe('limits of a container', () => {
  test.each<[ResourceConfig, RegExp]>([
    [{ memoryBytes: 4 * MIB }, /^Minimum memory limit allowed is 6MB$/],
    [{ memoryBytes: 32 * MIB, memorySwapBytes: 16 * MIB }, /^Minimum memoryswap limit should be larger/],
    [{ memorySwapBytes: 16 * MIB }, /^You should always set the Memory limit when using Memoryswap limit/],
    [
      { memoryBytes: 32 * MIB, memoryReservationBytes: 64 * MIB },
      /^Minimum memory limit can not be less than/,
    ],
    [{ memoryReservationBytes: MIB }, /^Minimum memory reservation allowed is 6MB$/],
    [{ memorySwappiness: 101 }, /^Invalid value: 101, valid memory swappiness range is 0-100$/],
    [{ nanoCpus: 3e9 }, /^Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available$/],
    [{ nanoCpus: 1e9, cpuQuotaMicros: 5000 }, /^Conflicting options: Nano CPUs and CPU Quota cannot both/],
    [{ nanoCpus: 1e9, cpuPeriodMicros: 5000 }, /^Conflicting options: Nano CPUs and CPU Period cannot both/],
    [{ cpuPeriodMicros: 10 }, /^CPU cfs period can not be less than 1ms/],
    [{ cpuPeriodMicros: 2_000_000 }, /larger than 1s/],
    [{ cpuQuotaMicros: 10 }, /^CPU cfs quota can not be less than 1ms/],
    [{ cpuShares: -1 }, /cannot be negative/],
    [{ cpusetCpus: '99' }, /^Requested CPUs are not available - requested 99, available: 0-1$/],
    [{ cpusetCpus: 'a' }, /^Invalid value a for cpuset cpus: invalid format: a$/],
    [{ cpusetMems: '1' }, /^Requested memory nodes are not available - requested 1, available: 0$/],
    [{ oomScoreAdj: 5000 }, /^Invalid value 5000, range for oom score adj is \[-1000, 1000\]$/],
    [{ blkioWeight: 5 }, /^Range of blkio weight is from 10 to 1000$/],
  ])('%o is refused', (resources, reason) => {
    expect(faultOf(resources)).toMatch(reason);
  });

  test('limits that fit are accepted as they are', () => {
    const resources = { memoryBytes: 64 * MIB, memorySwapBytes: -1, nanoCpus: 2e9, cpusetCpus: '0,1' };
    const checked = checkLimits(resources, HOST);
    expect(checked.ok && checked.value).toEqual({ resources, warnings: [] });
  });

  test('what the kernel cannot do is left out with a warning', () => {
    const checked = checkLimits({ blkioWeight: 500, oomKillDisable: true }, HOST);
    expect(checked.ok && checked.value).toEqual({
      resources: { oomKillDisable: true },
      warnings: [
        expect.stringMatching(/^Your kernel does not support Block I\/O weight/),
        expect.stringMatching(/^OOM killer is disabled for the container, but no memory limit is set/),
      ],
    });
  });

  test.each<[ResourceConfig, ResourceConfig, RegExp | undefined]>([
    [{ memorySwapBytes: 100 }, { memoryBytes: 200 }, /already set memoryswap limit/],
    [{ memorySwapBytes: 100 }, { memoryBytes: 200, memorySwapBytes: 300 }, undefined],
    [{ nanoCpus: 1 }, { cpuQuotaMicros: 1000 }, /CPU Quota cannot be updated as NanoCPUs/],
    [{ nanoCpus: 1 }, { cpuPeriodMicros: 1000 }, /CPU Period cannot be updated as NanoCPUs/],
    [{ cpuQuotaMicros: 1000 }, { nanoCpus: 1 }, /cannot be updated as CPU Quota has already been set/],
    [{ nanoCpus: 1 }, { nanoCpus: 2 }, undefined],
    [{}, { blockIoLimits: [] }, /Limits of single disks cannot be updated/],
  ])('%o updated by %o', (current, update, reason) => {
    const checked = checkUpdate(current, update);
    if (reason === undefined) {
      expect(checked.ok).toBe(true);
    } else {
      expect(checked.ok ? '' : checked.error.message).toMatch(reason);
    }
  });

  test('lists of numbers', () => {
    expect([...(parseNumberList('0-2,5') ?? [])]).toEqual([0, 1, 2, 5]);
    for (const text of ['', '2-1', '1-', 'x', '1,,2', '99999']) {
      expect(parseNumberList(text), text).toBeUndefined();
    }
  });
});

describe('logging of a container', () => {
  test.each([
    [{ driver: 'foo' }, "logger: no log driver named 'foo' is registered"],
    [{ options: { foo: 'bar' } }, "unknown log opt 'foo' for json-file log driver"],
    [{ driver: 'local', options: { tag: 'x' } }, "unknown log opt 'tag' for local log driver"],
    [{ options: { 'max-size': 'foo' } }, "failed to initialize logging driver: invalid size: 'foo'"],
    [
      { options: { 'max-size': '1m', 'max-file': '0' } },
      'failed to initialize logging driver: max-file cannot be less than 1',
    ],
  ])('%o is refused', (logging, reason) => {
    const checked = checkLogging(logging);
    expect(checked.ok ? '' : checked.error.message).toBe(reason);
  });

  test('what Docker accepts is accepted', () => {
    for (const logging of [
      undefined,
      {},
      { driver: 'none', options: { anything: '1' } },
      { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3', labels: 'a,b', env: 'X' } },
    ]) {
      expect(checkLogging(logging).ok).toBe(true);
    }
  });
});
