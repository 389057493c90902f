'use client';

import { useState } from 'react';
import { useTranslations } from 'use-intl';

import { call } from '../../api/call.ts';
import { useAction } from '../../api/use-call.ts';
import { Button } from '../../ui/button.tsx';
import { Checkbox, Field, Select, TextInput } from '../../ui/field.tsx';
import { Kbd } from '../../ui/kbd.tsx';
import { Page } from '../../ui/page.tsx';
import { setPreferences, usePreferences } from '../../ui/preferences.ts';
import type { Density, LocaleChoice, ThemeChoice, TimeStyle } from '../../ui/preferences.ts';
import { InlineProblem } from '../../ui/problem.tsx';
import { Banner, Fact, Facts, Panel } from '../../ui/screens.tsx';
import { useMe } from '../session/session.tsx';

const THEMES: readonly ThemeChoice[] = ['system', 'dark', 'light'];
const LOCALES: readonly LocaleChoice[] = ['system', 'en', 'fr'];
const DENSITIES: readonly Density[] = ['compact', 'comfortable'];
const TIMES: readonly TimeStyle[] = ['relative', 'local', 'utc'];
const KEYS = [
  'Ctrl K',
  '/',
  'g o',
  'g s',
  'g t',
  'g n',
  'g e',
  'g c',
  'g ,',
  'j',
  'k',
  'Enter',
  'n',
  'l',
  'x',
  '+',
  'r',
  'b',
  'e',
  'f',
  'w',
  '1',
] as const;

/** What one person prefers on this browser, and their password. */
export function MeScreen() {
  const t = useTranslations('me');
  const shell = useTranslations('shell');
  const me = useMe();
  const chosen = usePreferences();
  return (
    <Page title={t('title')} width="reading">
      <div className="grid items-start gap-4 px-4 sm:px-6 lg:grid-cols-2">
        <Panel title={t('look')}>
          <div className="space-y-4">
            <Choice
              label={t('theme')}
              value={chosen.theme}
              values={THEMES}
              name={(each) => shell(`themes.${each}`)}
              onChange={(theme) => setPreferences({ theme })}
            />
            <Choice
              label={t('language')}
              value={chosen.locale}
              values={LOCALES}
              name={(each) => (each === 'system' ? t('browser') : each === 'en' ? 'English' : 'Français')}
              onChange={(locale) => {
                setPreferences({ locale });
                if (locale !== 'system') {
                  // The choice holds here at once; the account remembers it for the next browser.
                  void call('updateMe', { body: { locale } }).catch(() => undefined);
                }
              }}
            />
            <Choice
              label={t('density')}
              value={chosen.density}
              values={DENSITIES}
              name={(each) => t(`densities.${each}`)}
              onChange={(density) => setPreferences({ density })}
            />
            <Choice
              label={t('time')}
              value={chosen.time}
              values={TIMES}
              name={(each) => t(`times.${each}`)}
              onChange={(time) => setPreferences({ time })}
            />
          </div>
        </Panel>
        <div className="space-y-4">
          <Panel title={t('account')}>
            <Facts>
              <Fact name={t('name')}>{me?.name ?? ''}</Fact>
              <Fact name={t('role')}>{me === undefined ? '' : shell(`roles.${me.role}`)}</Fact>
            </Facts>
          </Panel>
          {me?.via === 'session' ? <Password /> : null}
        </div>
        <Panel title={t('keyboard')} className="lg:col-span-2">
          <div className="space-y-4">
            <Checkbox
              label={t('singleKeys')}
              hint={t('singleKeysHint')}
              checked={chosen.singleKeys}
              onChange={(singleKeys) => setPreferences({ singleKeys })}
            />
            <dl className="grid gap-x-8 gap-y-1.5 sm:grid-cols-2 xl:grid-cols-3">
              {KEYS.map((key) => (
                <div key={key} className="flex items-baseline gap-3">
                  <dt className="w-14 shrink-0">
                    <Kbd>{key}</Kbd>
                  </dt>
                  <dd>{t(`keys.${KEY_NAMES[key]}`)}</dd>
                </div>
              ))}
            </dl>
          </div>
        </Panel>
      </div>
    </Page>
  );
}

/** Keys as message keys: a catalogue cannot hold dots or slashes in its keys. */
const KEY_NAMES = {
  'Ctrl K': 'palette',
  '/': 'filter',
  'g o': 'overview',
  'g s': 'services',
  'g t': 'stacks',
  'g n': 'nodes',
  'g e': 'events',
  'g c': 'secrets',
  'g ,': 'settings',
  j: 'down',
  k: 'up',
  Enter: 'open',
  n: 'new',
  l: 'logs',
  x: 'shell',
  '+': 'scale',
  r: 'restart',
  b: 'rollback',
  e: 'edit',
  f: 'follow',
  w: 'wrap',
  '1': 'tab',
} as const;

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly values: readonly T[];
  readonly name: (value: T) => string;
  readonly onChange: (value: T) => void;
}

function Choice<T extends string>({ label, value, values, name, onChange }: ChoiceProps<T>) {
  return (
    <Field label={label}>
      {(control) => (
        <Select
          {...control}
          value={value}
          className="max-w-64"
          onChange={(event) => {
            const found = values.find((each) => each === event.target.value);
            if (found !== undefined) {
              onChange(found);
            }
          }}
        >
          {values.map((each) => (
            <option key={each} value={each}>
              {name(each)}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}

function Password() {
  const t = useTranslations('me');
  const [current, setCurrent] = useState('');
  const [wanted, setWanted] = useState('');
  const [isDone, setDone] = useState(false);
  const action = useAction(async () => {
    setDone(false);
    await call('updateMe', { body: { password: { current, new: wanted } } });
    setCurrent('');
    setWanted('');
    setDone(true);
  });
  return (
    <Panel title={t('password')}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          void action.run();
        }}
      >
        <Field label={t('currentPassword')}>
          {(control) => (
            <TextInput
              {...control}
              type="password"
              autoComplete="current-password"
              className="max-w-64"
              value={current}
              onChange={(event) => setCurrent(event.target.value)}
            />
          )}
        </Field>
        <Field label={t('newPassword')} hint={t('newPasswordHint')}>
          {(control) => (
            <TextInput
              {...control}
              type="password"
              autoComplete="new-password"
              className="max-w-64"
              value={wanted}
              onChange={(event) => setWanted(event.target.value)}
            />
          )}
        </Field>
        <InlineProblem
          error={action.error}
          sentences={{ unauthenticated: t('wrongPassword'), permission_denied: t('wrongPassword') }}
        />
        {isDone ? (
          <Banner tone="ok" role="status">
            {t('passwordChanged')}
          </Banner>
        ) : null}
        <Button
          type="submit"
          busy={action.isBusy}
          blocked={wanted.length < 12 ? t('newPasswordHint') : undefined}
        >
          {t('changePassword')}
        </Button>
      </form>
    </Panel>
  );
}
