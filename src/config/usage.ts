import type { Option } from './option.js';
import { OPTION_LIST } from './options.js';

const NAME_WIDTH = 42;

/** The text of `--help`. */
export function usage(): string {
  const lines = OPTION_LIST.filter(({ flag }) => flag !== null)
    .toSorted((a, b) => ((a.flag ?? '') < (b.flag ?? '') ? -1 : 1))
    .map((one) => `  ${flagNames(one).padEnd(NAME_WIDTH)}${one.help}${defaultText(one)}`);
  return `
Usage:	wharfd [OPTIONS]

A Docker-compatible container daemon.

Options:
${lines.join('\n')}
`;
}

function flagNames({ flag, short, kind }: Option<unknown>): string {
  return `${short === '' ? '   ' : `-${short},`} --${flag} ${kind.typeName}`;
}

function defaultText({ kind, defaultValue }: Option<unknown>): string {
  const shown = kind.show(defaultValue);
  if (['', 'false', '[]', 'map[]', '0'].includes(shown)) return '';
  return ` (default ${typeof defaultValue === 'string' ? `"${shown}"` : shown})`;
}
