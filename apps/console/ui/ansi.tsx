import Anser from 'anser';
import type { ReactNode } from 'react';

/** Terminal colours become the families of the theme: readable in both, and never HTML. */
const COLOURS: Readonly<Record<string, string>> = {
  'ansi-red': 'text-bad',
  'ansi-bright-red': 'text-bad',
  'ansi-green': 'text-ok',
  'ansi-bright-green': 'text-ok',
  'ansi-yellow': 'text-warn',
  'ansi-bright-yellow': 'text-warn',
  'ansi-blue': 'text-go',
  'ansi-bright-blue': 'text-go',
  'ansi-cyan': 'text-accent',
  'ansi-bright-cyan': 'text-accent',
  'ansi-magenta': 'text-go',
  'ansi-bright-magenta': 'text-go',
  'ansi-black': 'text-muted',
  'ansi-bright-black': 'text-muted',
};

/** Text with terminal escapes as spans. */
export function Ansi({ text }: { readonly text: string }): ReactNode {
  if (!text.includes('\u001b')) {
    return text;
  }
  return Anser.ansiToJson(text, { use_classes: true, remove_empty: true }).map((part, index) => {
    const classes = [
      COLOURS[part.fg] ?? '',
      part.decorations.includes('bold') ? 'font-bold' : '',
      part.decorations.includes('underline') ? 'underline' : '',
      part.decorations.includes('dim') ? 'text-muted' : '',
    ]
      .filter((each) => each !== '')
      .join(' ');
    return classes === '' ? (
      part.content
    ) : (
      <span key={index} className={classes}>
        {part.content}
      </span>
    );
  });
}
