/** A pattern of Go's regexp, as far as JavaScript's are alike. Throws TypeError with Go's words for one that Go refuses. */
export function compileRegexp(pattern: string): RegExp {
  const perl = /\(\?(?:[=!]|<[=!])/.exec(pattern);
  if (perl) throw complaint('invalid or unsupported Perl syntax', perl[0]);
  try {
    return new RegExp(pattern.replace(/\(\?P</g, '(?<'), 'u');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw explain(pattern, error.message);
  }
}

function explain(pattern: string, message: string): TypeError {
  if (message.includes('Unterminated character class')) {
    return complaint('missing closing ]', pattern.slice(pattern.lastIndexOf('[')));
  }
  if (message.includes('Unterminated group')) return complaint('missing closing )', pattern);
  if (message.includes('Unmatched')) return complaint('unexpected )', pattern);
  if (message.includes('Nothing to repeat')) {
    return complaint('missing argument to repetition operator', /[*+?]/.exec(pattern)?.[0] ?? pattern);
  }
  if (message.includes('\\ at end')) return complaint('trailing backslash at end of expression', '');
  if (message.includes('escape')) return complaint('invalid escape sequence', /\\./.exec(pattern)?.[0] ?? pattern);
  return complaint('invalid or unsupported syntax', pattern);
}

const complaint = (what: string, where: string): TypeError =>
  new TypeError(`error parsing regexp: ${what}: \`${where}\``);
