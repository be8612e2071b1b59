/**
 * Whether a filter's value, a regular expression as Go writes it, is found in the text. It may begin with flags (`(?i)`); what is no
 * expression matches nothing but itself. Source: the filters of dockerd 28.5.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  if (pattern === text) return true;
  const [, flags = '', source = ''] = /^(?:\(\?([ims]+)\))?(.*)$/s.exec(pattern) ?? [];
  try {
    return new RegExp(source, [...new Set(flags)].join('')).test(text);
  } catch {
    return false;
  }
}
