const CLASSES: Record<string, string> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

/**
 * Whether a filter's value, a regular expression as Go writes it, is found in the text. It may begin with flags (`(?i)`); what is no
 * expression matches nothing but itself. Source: the filters of dockerd 28.5.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  if (pattern === text) return true;
  const [, flags = '', source = ''] = /^(?:\(\?([ims]+)\))?(.*)$/s.exec(pattern) ?? [];
  try {
    return new RegExp(fromGo(source), [...new Set(flags)].join('')).test(text);
  } catch {
    return false;
  }
}

/** What Go writes in another way than JavaScript: ends of the text, names of groups, classes within brackets. */
function fromGo(source: string): string {
  return source.replace(/\\(.)|\(\?P<|\[:(\w+):\]/gs, (all, escaped: string | undefined, name: string | undefined) => {
    if (escaped === 'A') return '^';
    if (escaped === 'z') return '$';
    if (name !== undefined) return CLASSES[name] ?? all;
    return all === '(?P<' ? '(?<' : all;
  });
}
