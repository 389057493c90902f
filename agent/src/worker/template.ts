import { SwarmError } from '@skep/kernel';

/** What the placeholders of a service's env, hostname and mounts can name (Docker's set). */
export interface TemplateContext {
  readonly service: {
    readonly id: string;
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly node: {
    readonly id: string;
    readonly hostname: string;
    readonly platform: { readonly os: string; readonly architecture: string };
  };
  readonly task: { readonly id: string; readonly name: string; readonly slot: string };
}

const PLACEHOLDER = /\{\{-?\s*(.*?)\s*-?\}\}/g;
const LABEL_LOOKUP = /^index\s+\.Service\.Labels\s+"([^"]*)"$/;

function valueOf(expression: string, context: TemplateContext): string | undefined {
  const lookup = LABEL_LOOKUP.exec(expression);
  if (lookup !== null) {
    return context.service.labels[lookup[1] ?? ''] ?? '';
  }
  switch (expression) {
    case '.Service.ID':
      return context.service.id;
    case '.Service.Name':
      return context.service.name;
    case '.Node.ID':
      return context.node.id;
    case '.Node.Hostname':
      return context.node.hostname;
    case '.Node.Platform.OS':
      return context.node.platform.os;
    case '.Node.Platform.Architecture':
      return context.node.platform.architecture;
    case '.Task.ID':
      return context.task.id;
    case '.Task.Name':
      return context.task.name;
    case '.Task.Slot':
      return context.task.slot;
    default: {
      const label = /^\.Service\.Labels\.(\w+)$/.exec(expression)?.[1];
      return label === undefined ? undefined : (context.service.labels[label] ?? '');
    }
  }
}

/**
 * Replaces `{{.Node.Hostname}}`, `{{.Task.Slot}}`, `{{index .Service.Labels "key"}}` and the like.
 * @throws SwarmError `invalid_argument` naming `what` when a placeholder is none of Docker's.
 */
export function expandTemplate(text: string, context: TemplateContext, what: string): string {
  if (!text.includes('{{')) {
    return text;
  }
  return text.replaceAll(PLACEHOLDER, (placeholder: string, expression: string) => {
    const value = valueOf(expression, context);
    if (value === undefined) {
      throw new SwarmError(
        'invalid_argument',
        `${what}: unknown template placeholder ${placeholder}; .Service.{ID,Name,Labels}, ` +
          '.Node.{ID,Hostname,Platform} and .Task.{ID,Name,Slot} are known',
      );
    }
    return value;
  });
}
