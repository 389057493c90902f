import { Inject, Injectable } from '@nestjs/common';

import type { RequestOf, ResponseOf } from '@skep/contract';
import type { ControlPlane, StreamChannel, StreamItem } from '@skep/controlplane';
import { errorMessage } from '@skep/kernel';

import { CONTROL_PLANE } from '../tokens.ts';
import { LogSources, type LogSource, type LogTask } from './log-sources.ts';

type Line = ResponseOf<'getLogs'>['lines'][number];

const TAIL_DEFAULT = 100;
/** A source that does not end in this time is answered as far as it came. */
const COLLECT_MS = 10_000;
const LINES_MAX = 100_000;

/** Reads the last lines of many tasks once, in order of time. */
@Injectable()
export class LogCollector {
  constructor(
    @Inject(CONTROL_PLANE) private readonly controlPlane: ControlPlane,
    @Inject(LogSources) private readonly sources: LogSources,
  ) {}

  async collect(query: RequestOf<'getLogs'>['query']): Promise<ResponseOf<'getLogs'>> {
    const sources = this.sources.find({
      ...(query.service === undefined ? {} : { services: query.service }),
      ...(query.stack === undefined ? {} : { stacks: query.stack }),
      ...(query.task === undefined ? {} : { tasks: query.task }),
      ...(query.node === undefined ? {} : { nodes: query.node }),
      ...(query.previous === undefined ? {} : { previous: query.previous }),
    });
    const tail = query.tail ?? TAIL_DEFAULT;
    const batch = new LogBatch(this.sources);
    await Promise.all(sources.map((source) => this.#read(source, { query, tail, batch })));
    return batch.result(tail);
  }

  async #read(
    source: LogSource,
    {
      query,
      tail,
      batch,
    }: { readonly query: RequestOf<'getLogs'>['query']; readonly tail: number; readonly batch: LogBatch },
  ): Promise<void> {
    let channel: StreamChannel;
    try {
      channel = await this.controlPlane.openStream(
        this.sources.request(source, {
          follow: false,
          tail,
          stdout: query.stdout ?? true,
          stderr: query.stderr ?? true,
          ...(query.sinceMs === undefined ? {} : { sinceMs: query.sinceMs }),
          ...(query.untilMs === undefined ? {} : { untilMs: query.untilMs }),
        }),
      );
    } catch (error: unknown) {
      batch.failed(source, errorMessage(error));
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        batch.failed(source, 'did not answer in time; its lines may be missing');
        channel.close();
        resolve();
      }, COLLECT_MS);
      channel.onClose((error) => {
        clearTimeout(timer);
        if (error !== undefined) {
          batch.failed(source, error.message);
        }
        resolve();
      });
      channel.onItem((item) => {
        batch.add(item);
      });
    });
  }
}

class LogBatch {
  readonly #sources: LogSources;
  readonly #lines: Line[] = [];
  readonly #tasks = new Map<string, LogTask & { problem?: string }>();

  constructor(sources: LogSources) {
    this.#sources = sources;
  }

  add(item: StreamItem): void {
    if (item.type === 'lines') {
      this.#task(item.taskId);
      for (const line of item.lines) {
        if (this.#lines.length < LINES_MAX) {
          this.#lines.push({ ...line, taskId: item.taskId });
        }
      }
    } else if (item.type === 'notice' && item.taskId !== undefined) {
      this.#task(item.taskId).problem = item.message;
    }
  }

  failed(source: LogSource, message: string): void {
    if ('taskId' in source) {
      this.#task(source.taskId).problem = message;
    } else {
      this.#tasks.set(source.serviceId, {
        id: '',
        service: source.serviceId,
        slot: 0,
        nodeId: '',
        node: '',
        version: 0,
        problem: message,
      });
    }
  }

  result(tail: number): ResponseOf<'getLogs'> {
    const lines = this.#lines.sort(byTime);
    return {
      tasks: [...this.#tasks.values()].map(({ version: _version, ...task }) => task),
      lines: tail === 0 ? [] : lines.slice(-tail),
    };
  }

  #task(taskId: string): LogTask & { problem?: string } {
    const known = this.#tasks.get(taskId) ?? { ...this.#sources.task(taskId) };
    this.#tasks.set(taskId, known);
    return known;
  }
}

/** Nanosecond times as decimal text: the longer is the later. */
function byTime(a: Line, b: Line): number {
  return a.tsNs.length - b.tsNs.length || (a.tsNs < b.tsNs ? -1 : a.tsNs > b.tsNs ? 1 : 0);
}
