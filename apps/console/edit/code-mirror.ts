import { closeBrackets } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab, redo, undo } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import {
  bracketMatching,
  foldGutter,
  foldKeymap,
  HighlightStyle,
  indentUnit,
  syntaxHighlighting,
} from '@codemirror/language';
import { lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import type { Diagnostic } from '@codemirror/lint';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { EditorState } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';

/** Something to say about a place in the text. Lines and columns count from 1. */
export interface Remark {
  readonly line: number;
  readonly column: number;
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

export interface EditorOptions {
  readonly parent: HTMLElement;
  readonly text: string;
  readonly label: string;
  readonly isReadOnly: boolean;
  readonly onChange: (text: string) => void;
  /** Control or command with Enter. */
  readonly onSubmit: () => void;
}

export interface Editor {
  readonly setText: (text: string) => void;
  readonly setRemarks: (remarks: readonly Remark[]) => void;
  readonly goTo: (line: number, column: number) => void;
  readonly focus: () => void;
  readonly destroy: () => void;
}

const highlight = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--accent)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--text)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--go)' },
  { tag: tags.comment, color: 'var(--muted)', fontStyle: 'italic' },
  { tag: [tags.meta, tags.labelName, tags.typeName], color: 'var(--warn)' },
  { tag: [tags.punctuation, tags.separator], color: 'var(--muted)' },
]);

const look = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'var(--bg)', color: 'var(--text)', fontSize: '13px' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-2px' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '20px' },
  '.cm-content': { caretColor: 'var(--accent)', padding: '8px 0' },
  '.cm-gutters': {
    backgroundColor: 'var(--surface)',
    color: 'var(--muted)',
    border: 'none',
    borderRight: '1px solid var(--line)',
  },
  '.cm-activeLine': { backgroundColor: 'color-mix(in oklab, var(--raised) 60%, transparent)' },
  '.cm-activeLineGutter': { backgroundColor: 'var(--raised)', color: 'var(--text)' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': {
    backgroundColor: 'color-mix(in oklab, var(--accent) 28%, transparent) !important',
  },
  '.cm-selectionMatch': { backgroundColor: 'color-mix(in oklab, var(--accent) 16%, transparent)' },
  '.cm-matchingBracket': { backgroundColor: 'color-mix(in oklab, var(--accent) 26%, transparent)' },
  '.cm-panels': { backgroundColor: 'var(--surface)', color: 'var(--text)', borderColor: 'var(--line)' },
  '.cm-panel input, .cm-panel button': {
    backgroundColor: 'var(--bg)',
    color: 'var(--text)',
    border: '1px solid var(--control)',
    borderRadius: '4px',
    backgroundImage: 'none',
  },
  '.cm-tooltip': {
    backgroundColor: 'var(--raised)',
    color: 'var(--text)',
    border: '1px solid var(--line)',
    borderRadius: '4px',
  },
  '.cm-diagnostic-error': { borderLeft: '3px solid var(--bad)' },
  '.cm-diagnostic-warning': { borderLeft: '3px solid var(--warn)' },
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    borderBottom: '2px wavy var(--bad)',
    textDecoration: 'underline wavy var(--bad)',
  },
  '.cm-lintRange-warning': { backgroundImage: 'none', textDecoration: 'underline wavy var(--warn)' },
  '.cm-lint-marker-error': {
    content: 'none',
    backgroundColor: 'var(--bad)',
    borderRadius: '2px',
    width: '8px',
    height: '8px',
    margin: '6px 3px',
  },
  '.cm-lint-marker-warning': {
    content: 'none',
    backgroundColor: 'var(--warn)',
    borderRadius: '2px',
    width: '8px',
    height: '8px',
    margin: '6px 3px',
  },
  '.cm-foldPlaceholder': {
    backgroundColor: 'var(--raised)',
    border: '1px solid var(--line)',
    color: 'var(--muted)',
  },
});

function offsetOf(state: EditorState, line: number, column: number): number {
  const found = state.doc.line(Math.min(Math.max(1, line), state.doc.lines));
  return Math.min(found.from + Math.max(0, column - 1), found.to);
}

function toDiagnostic(state: EditorState, remark: Remark): Diagnostic {
  const from = offsetOf(state, remark.line, remark.column);
  const line = state.doc.lineAt(from);
  const word = /^[\w.-]+/.exec(state.doc.sliceString(from, line.to))?.[0].length ?? 1;
  return {
    from,
    to: Math.min(line.to, from + Math.max(1, word)),
    severity: remark.severity,
    message: remark.message,
  };
}

/**
 * A YAML editor in `parent`. Tab indents; Escape then Tab leaves it, as the label says (WCAG 2.1.2). Remarks show in
 * the gutter, under the text and in a list.
 */
export function createEditor(options: EditorOptions): Editor {
  let leaves = false;
  const view = new EditorView({
    parent: options.parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        lineNumbers(),
        foldGutter(),
        history(),
        drawSelection(),
        EditorState.allowMultipleSelections.of(true),
        indentUnit.of('  '),
        EditorState.tabSize.of(2),
        bracketMatching(),
        closeBrackets(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        highlightSelectionMatches(),
        yaml(),
        syntaxHighlighting(highlight),
        lintGutter(),
        look,
        EditorView.contentAttributes.of({
          'aria-label': options.label,
          'aria-readonly': String(options.isReadOnly),
          spellcheck: 'false',
          tabindex: '0',
        }),
        EditorState.readOnly.of(options.isReadOnly),
        keymap.of([
          {
            key: 'Mod-Enter',
            run: () => {
              options.onSubmit();
              return true;
            },
          },
          {
            key: 'Escape',
            run: () => {
              leaves = true;
              return false;
            },
          },
          { key: 'Tab', run: () => leaves },
          { key: 'Mod-y', run: redo },
          { key: 'Mod-z', run: undo },
          ...searchKeymap,
          ...historyKeymap,
          ...foldKeymap,
          ...lintKeymap,
          indentWithTab,
          ...defaultKeymap,
        ]),
        EditorView.domEventHandlers({
          keydown: (event, target) => {
            if (leaves && event.key === 'Tab') {
              target.contentDOM.blur();
              return true;
            }
            if (event.key !== 'Escape') {
              leaves = false;
            }
            return false;
          },
        }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) {
            options.onChange(update.state.doc.toString());
          }
        }),
      ],
    }),
  });
  return {
    setText: (text) => {
      if (view.state.doc.toString() !== text) {
        view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
      }
    },
    setRemarks: (remarks) => {
      view.dispatch(
        setDiagnostics(
          view.state,
          remarks.map((remark) => toDiagnostic(view.state, remark)),
        ),
      );
    },
    goTo: (line, column) => {
      const at = offsetOf(view.state, line, column);
      view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) });
      view.focus();
    },
    focus: () => {
      view.focus();
    },
    destroy: () => {
      view.destroy();
    },
  };
}
