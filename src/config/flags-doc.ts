import type { Option, OptionEffect } from './option.js';
import { OPTION_LIST } from './options.js';

const EFFECT: Record<OptionEffect, string> = {
  full: 'yes',
  none: 'accepted, does nothing',
  refused: 'refused',
};

/** The text of docs/flags.md. */
export function flagsDocument(): string {
  const rows = OPTION_LIST.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map((one) =>
    [
      flagCell(one),
      keyCell(one),
      one.kind.typeName === '' ? 'bool' : one.kind.typeName,
      defaultCell(one),
      one.reloadable ? 'yes' : '',
      EFFECT[one.effect],
      one.help,
    ]
      .map((cell) => cell.replaceAll('|', '\\|'))
      .join(' | '),
  );
  return `<!-- Generated from src/config/options.ts by npm run generate:docs; do not edit. -->

# Flags and daemon.json

The flags and keys are dockerd's. A key that is given both as a flag and in the file is an error (\`runtimes\` and
\`features\` are merged), and so is a key that nobody knows. \`wharfd --validate\` checks a configuration without starting.
SIGHUP reads the file again; "reload" marks what it changes.

<!-- prettier-ignore-start -->

flag | daemon.json | type | default | reload | works | meaning
--- | --- | --- | --- | --- | --- | ---
${rows.join('\n')}

<!-- prettier-ignore-end -->
`;
}

function flagCell({ flag, short }: Option<unknown>): string {
  if (flag === null) return '';
  return short === '' ? `\`--${flag}\`` : `\`-${short}\`, \`--${flag}\``;
}

function keyCell({ key, flagOnly, section }: Option<unknown> & { key: string }): string {
  if (flagOnly) return '';
  return section === '' ? `\`${key}\`` : `\`${section}.${key}\``;
}

function defaultCell({ kind, defaultValue }: Option<unknown>): string {
  const shown = kind.show(defaultValue);
  return ['', '[]', 'map[]', '{}'].includes(shown) ? '' : `\`${shown}\``;
}
