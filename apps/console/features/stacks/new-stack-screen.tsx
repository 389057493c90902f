'use client';

import type { FieldProblem, Plan } from '@skep/contract';
import { useRouter, useSearchParams } from 'next/navigation';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { DragEvent } from 'react';
import { useFormatter, useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction, useAsk } from '../../api/use-call.ts';
import type { Remark } from '../../edit/code-mirror.ts';
import { useDraft } from '../../edit/use-draft.ts';
import { variablesOf } from '../../edit/variables.ts';
import { useRows, useSettled } from '../../live/live.tsx';
import { Button } from '../../ui/button.tsx';
import { Field, TextInput } from '../../ui/field.tsx';
import { Page } from '../../ui/page.tsx';
import { PlanPanel } from '../../ui/plan-panel.tsx';
import { InlineProblem, toProblem } from '../../ui/problem.tsx';
import { routes } from '../../ui/routes.ts';
import { Banner, ErrorState, Loading, Panel } from '../../ui/screens.tsx';
import { StateGlyph } from '../../ui/state-glyph.tsx';
import { YamlEditor } from '../../ui/yaml-editor.tsx';
import type { YamlEditorHandle } from '../../ui/yaml-editor.tsx';
import { useBlocked } from '../session/blocked.ts';
import { useMe } from '../session/session.tsx';

const PLAN_AFTER_MS = 600;
const SOURCE_BYTES_MAX = 1024 * 1024;
const STARTER = `services:
  web:
    image: nginx:alpine
    ports:
      - "8080:80"
    deploy:
      replicas: 2
`;

interface StackDraft {
  readonly name: string;
  readonly source: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** A stack from YAML: the text as it is written, what is wrong with it where it stands, and the plan before anything is done. */
export function NewStackScreen() {
  const t = useTranslations('stackEditor');
  const s = useTranslations('stacks');
  const from = useSearchParams().get('from') ?? '';
  const me = useMe();
  const cluster = useRows('cluster')[0];
  const current = useRows('stacks').find((stack) => stack.name === from);
  const [opened, setOpened] = useState<number>();
  const source = useAsk(from === '' ? undefined : from, (signal) =>
    call('getStackSource', { params: { stack: from }, signal }),
  );
  const base = useMemo<StackDraft | undefined>(() => {
    if (from === '') {
      return { name: '', source: STARTER, variables: {} };
    }
    return source.data === undefined
      ? undefined
      : { name: from, source: source.data.source, variables: source.data.variables ?? {} };
  }, [from, source.data]);
  if (opened === undefined && source.data !== undefined) {
    setOpened(source.data.revision);
  }
  const draft = useDraft<StackDraft>(
    `${cluster?.id ?? ''}/${me?.name ?? ''}/stack/${from}`,
    cluster === undefined ? undefined : base,
  );
  const format = useFormatter();
  const crumbs = [{ label: s('title'), href: routes.stacks() }];
  const title = from === '' ? t('title') : t('editTitle', { name: from });
  if (source.error !== undefined && source.data === undefined) {
    return (
      <Page title={title} crumbs={crumbs}>
        <ErrorState title={s('sourceFailed')} problem={toProblem(source.error)} onRetry={source.reload} />
      </Page>
    );
  }
  return (
    <Page title={title} crumbs={crumbs}>
      <div className="space-y-3 px-4 sm:px-6">
        {draft.restoredAtMs === undefined ? null : (
          <Banner tone="off" role="status" actions={<Button onClick={draft.discard}>{t('discard')}</Button>}>
            {t('restored', {
              time: format.dateTime(draft.restoredAtMs, { timeStyle: 'short', dateStyle: 'medium' }),
            })}
          </Banner>
        )}
        {current !== undefined && opened !== undefined && current.revision > opened ? (
          <Banner tone="warn" role="status">
            {t('meanwhile', { name: current.deployedBy.replace(/^user:/, ''), revision: current.revision })}
          </Banner>
        ) : null}
      </div>
      {draft.value === undefined ? (
        <Loading />
      ) : (
        <Editing value={draft.value} onChange={draft.set} isNameFixed={from !== ''} onDone={draft.done} />
      )}
    </Page>
  );
}

interface EditingProps {
  readonly value: StackDraft;
  readonly onChange: (value: StackDraft) => void;
  readonly isNameFixed: boolean;
  readonly onDone: () => void;
}

function remarksOf(problems: readonly FieldProblem[], severity: Remark['severity']): readonly Remark[] {
  return problems.flatMap((problem) =>
    problem.line === undefined
      ? []
      : [{ line: problem.line, column: problem.column ?? 1, severity, message: problem.message }],
  );
}

const NO_PROBLEMS: readonly FieldProblem[] = [];

/** What a refusal says of places in the text. */
function fieldProblems(error: unknown): readonly FieldProblem[] {
  return toProblem(error).errors ?? [];
}

function usePlan({ name, source, variables }: StackDraft, isPlannable: boolean) {
  return useAsk<Plan>(isPlannable ? JSON.stringify([name, source, variables]) : undefined, async (signal) => {
    await new Promise((resolve) => setTimeout(resolve, PLAN_AFTER_MS));
    signal.throwIfAborted();
    return call('planStack', { params: { stack: name.trim() }, body: { source, variables }, signal });
  });
}

function Editing({ value, onChange, isNameFixed, onDone }: EditingProps) {
  const t = useTranslations('stackEditor');
  const router = useRouter();
  const settled = useSettled();
  const blocked = useBlocked('stack.write');
  const editor = useRef<YamlEditorHandle>(null);
  const nameInput = useRef<HTMLInputElement>(null);
  const [isChecked, setChecked] = useState(false);
  const isTooLarge = value.source.length > SOURCE_BYTES_MAX;
  const hasName = value.name.trim() !== '';
  const planned = usePlan(value, value.source.trim() !== '' && !isTooLarge && hasName);
  const plan = planned.isLoading ? undefined : planned.data;
  const [refusal, setRefusal] = useState<readonly FieldProblem[]>(NO_PROBLEMS);
  const refused = useMemo(
    () => [...(planned.error === undefined ? [] : fieldProblems(planned.error)), ...refusal],
    [planned.error, refusal],
  );
  const blockers = useMemo(() => [...(planned.data?.blockers ?? []), ...refused], [planned.data, refused]);
  const remarks = useMemo(
    () => [...remarksOf(blockers, 'error'), ...remarksOf(planned.data?.warnings ?? [], 'warning')],
    [blockers, planned.data],
  );
  const deploy = () =>
    call('deployStack', {
      params: { stack: value.name.trim() },
      body: {
        source: value.source,
        variables: value.variables,
        ...(plan === undefined ? {} : { planId: plan.planId }),
      },
    }).catch((error: unknown) => {
      setRefusal(fieldProblems(error));
      throw error;
    });
  const action = useAction(async () => {
    const { rev } = await deploy();
    await settled(rev);
    return true;
  });
  const apply = async () => {
    setChecked(true);
    if (!hasName) {
      nameInput.current?.focus();
      return;
    }
    const first = planned.isLoading ? undefined : blockers[0];
    if (first !== undefined) {
      editor.current?.goTo(first.line ?? 1, first.column ?? 1);
      return;
    }
    if ((await action.run()) === true) {
      onDone();
      router.push(routes.stack({ name: value.name.trim() }));
    }
  };
  const onDrop = (event: DragEvent) => {
    const file = event.dataTransfer.files[0];
    if (file !== undefined) {
      event.preventDefault();
      void file.text().then((source) => {
        const name =
          value.name === ''
            ? file.name.replace(/\.(ya?ml)$/i, '').replace(/[^a-zA-Z0-9-_]/g, '-')
            : value.name;
        onChange({ ...value, source, name: /^(docker-)?compose$/.test(name) ? value.name : name });
      });
    }
  };
  useEffect(() => {
    if (!isNameFixed) {
      nameInput.current?.focus();
    }
  }, [isNameFixed]);
  return (
    <div className="grid min-h-0 flex-1 items-start gap-4 px-4 pt-3 sm:px-6 lg:grid-cols-[minmax(0,3fr)_minmax(320px,2fr)]">
      <div
        className="flex min-w-0 flex-col gap-3"
        onDragOver={(event) => {
          event.preventDefault();
        }}
        onDrop={onDrop}
      >
        <Field
          label={t('name')}
          error={isChecked && !hasName ? t('nameMissing') : undefined}
          hint={isNameFixed ? undefined : t('nameHint')}
        >
          {(control) => (
            <TextInput
              {...control}
              ref={nameInput}
              mono
              className="max-w-72"
              readOnly={isNameFixed}
              placeholder="shop"
              value={value.name}
              onChange={(event) => {
                onChange({ ...value, name: event.target.value });
              }}
            />
          )}
        </Field>
        <div className="h-[max(320px,calc(100dvh-270px))] overflow-hidden rounded-md border border-line">
          <YamlEditor
            ref={editor}
            text={value.source}
            label={t('editor')}
            remarks={remarks}
            onChange={(source) => {
              setRefusal(NO_PROBLEMS);
              onChange({ ...value, source });
            }}
            onSubmit={() => void apply()}
          />
        </div>
        <p className="text-xs text-muted">{t('keys')}</p>
      </div>
      <div className="min-w-0 space-y-4 lg:sticky lg:top-4">
        <Variables value={value} onChange={onChange} />
        <Panel title={t('plan')}>
          <div className="space-y-3">
            <div
              aria-live="polite"
              aria-busy={planned.isLoading}
              className={planned.isLoading ? 'opacity-60' : ''}
            >
              {!hasName ? <p className="text-muted">{t('planNeedsName')}</p> : null}
              {isTooLarge ? <p className="font-medium text-bad">{t('tooLarge')}</p> : null}
              {planned.data === undefined || !hasName || blockers.length > 0 ? null : (
                <PlanPanel plan={planned.data} />
              )}
              <Remarks problems={blockers} onGo={(line, column) => editor.current?.goTo(line, column)} />
              {refused.length === 0 ? <InlineProblem error={planned.error} /> : null}
            </div>
            {refusal.length === 0 ? <InlineProblem error={action.error} /> : null}
            <Button
              tone="primary"
              className="h-9! w-full"
              blocked={blocked}
              busy={action.isBusy}
              onClick={() => void apply()}
            >
              {isNameFixed ? t('redeploy') : t('deploy')}
            </Button>
          </div>
        </Panel>
      </div>
    </div>
  );
}

/** A value for each `${NAME}` of the text. */
function Variables({ value, onChange }: Pick<EditingProps, 'value' | 'onChange'>) {
  const t = useTranslations('stackEditor');
  const variables = useMemo(() => variablesOf(value.source), [value.source]);
  if (variables.length === 0) {
    return null;
  }
  return (
    <Panel title={t('variables')}>
      <div className="space-y-3">
        {variables.map((variable) => (
          <Field
            key={variable.name}
            label={<code>{variable.name}</code>}
            hint={variable.fallback === undefined ? undefined : t('fallback', { value: variable.fallback })}
          >
            {(control) => (
              <TextInput
                {...control}
                mono
                placeholder={variable.fallback ?? ''}
                value={value.variables[variable.name] ?? ''}
                onChange={(event) => {
                  const { [variable.name]: _gone, ...others } = value.variables;
                  const text = event.target.value;
                  onChange({
                    ...value,
                    variables: text === '' ? others : { ...others, [variable.name]: text },
                  });
                }}
              />
            )}
          </Field>
        ))}
      </div>
    </Panel>
  );
}

interface RemarksProps {
  readonly problems: readonly FieldProblem[];
  readonly onGo: (line: number, column: number) => void;
}

/** What is wrong with the text, as a list that leads to each place. */
function Remarks({ problems, onGo }: RemarksProps) {
  const t = useTranslations('stackEditor');
  if (problems.length === 0) {
    return null;
  }
  return (
    <div className="mt-3">
      <p className="mb-1 font-semibold text-bad">{t('errors', { count: problems.length })}</p>
      <ul className="space-y-1">
        {problems.map((problem) => (
          <li
            key={`${String(problem.line)} ${String(problem.column)} ${problem.message}`}
            className="flex gap-2"
          >
            <StateGlyph glyph="failed" family="bad" className="mt-1" />
            <span className="min-w-0 break-words">
              {problem.line === undefined ? null : (
                <button
                  type="button"
                  className="rounded-sm font-mono text-code text-muted underline underline-offset-2 hover:text-text"
                  onClick={() => {
                    onGo(problem.line ?? 1, problem.column ?? 1);
                  }}
                >
                  {t('at', { line: problem.line, column: problem.column ?? 1 })}
                </button>
              )}{' '}
              {problem.message}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
