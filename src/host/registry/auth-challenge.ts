/** What a 401 asks for. Scheme and parameter names are lower case. */
export interface AuthChallenge {
  scheme: string;
  parameters: Record<string, string>;
}

const PARAMETER = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)/;

/** Parses a WWW-Authenticate header of one challenge. null: not understood. Source: RFC 7235. */
export function parseAuthChallenge(header: string): AuthChallenge | null {
  const scheme = /^\s*([A-Za-z][\w-]*)(?:\s+|$)/.exec(header);
  if (!scheme) return null;
  const parameters: Record<string, string> = {};
  let rest = header.slice(scheme[0].length);
  for (let match = PARAMETER.exec(rest); match; match = PARAMETER.exec(rest)) {
    const value = match[2] === undefined ? (match[3] ?? '') : match[2].replace(/\\(.)/g, '$1');
    parameters[(match[1] ?? '').toLowerCase()] = value;
    rest = rest.slice(match[0].length);
  }
  return { scheme: (scheme[1] ?? '').toLowerCase(), parameters };
}
