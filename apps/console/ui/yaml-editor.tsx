'use client';

import { useEffect, useImperativeHandle, useRef, useState } from 'react';
import type { Ref } from 'react';

import type { Editor, Remark } from '../edit/code-mirror.ts';

export interface YamlEditorHandle {
  readonly goTo: (line: number, column: number) => void;
}

interface YamlEditorProps {
  readonly text: string;
  readonly label: string;
  readonly remarks?: readonly Remark[];
  readonly onChange?: (text: string) => void;
  readonly onSubmit?: () => void;
  readonly ref?: Ref<YamlEditorHandle>;
}

/** The editor is a chunk of its own; until it is here a plain text field of the same size takes the typing. */
export function YamlEditor({ text, label, remarks = [], onChange, onSubmit, ref }: YamlEditorProps) {
  const parent = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor>(undefined);
  const [isReady, setReady] = useState(false);
  const latest = useRef({ text, onChange, onSubmit });
  useEffect(() => {
    latest.current = { text, onChange, onSubmit };
  });

  useEffect(() => {
    let isCurrent = true;
    void import('../edit/code-mirror.ts').then(({ createEditor }) => {
      if (!isCurrent || parent.current === null) {
        return;
      }
      editor.current = createEditor({
        parent: parent.current,
        text: latest.current.text,
        label,
        isReadOnly: latest.current.onChange === undefined,
        onChange: (next) => latest.current.onChange?.(next),
        onSubmit: () => latest.current.onSubmit?.(),
      });
      setReady(true);
    });
    return () => {
      isCurrent = false;
      editor.current?.destroy();
      editor.current = undefined;
    };
  }, [label]);

  useEffect(() => {
    editor.current?.setText(text);
  }, [text]);
  useEffect(() => {
    if (isReady) {
      editor.current?.setRemarks(remarks);
    }
  }, [remarks, isReady]);
  useImperativeHandle(
    ref,
    () => ({
      goTo: (line: number, column: number) => editor.current?.goTo(line, column),
    }),
    [],
  );
  return (
    <div className="relative h-full min-h-0">
      <div ref={parent} className="absolute inset-0" />
      {isReady ? null : (
        <textarea
          aria-label={label}
          readOnly={onChange === undefined}
          spellCheck={false}
          value={text}
          onChange={(event) => onChange?.(event.target.value)}
          className="absolute inset-0 h-full w-full resize-none bg-bg px-14 py-2 font-mono text-sm focus-visible:outline-offset-[-2px]"
        />
      )}
    </div>
  );
}
