const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const TYPE = new RegExp(`^(${TOKEN})?(/)?(${TOKEN})?(.*)$`, 's');
const PARAMETER = new RegExp(`^\\s*;\\s*(${TOKEN})\\s*=\\s*(${TOKEN}|"(?:[^"\\\\\\r\\n]|\\\\[^\\r\\n])*")`);

/** A content type's media type in lower case, or what Go's mime package has against the header. Source: replies of dockerd 28.5. */
export function parseMediaType(header: string): { mediaType: string; error: string | null } {
  const [base = ''] = header.split(';', 1);
  const mediaType = base.trim().toLowerCase();
  return { mediaType, error: typeError(mediaType) ?? parametersError(header.slice(base.length)) };
}

function typeError(mediaType: string): string | null {
  const [, type, slash, subtype, rest] = TYPE.exec(mediaType) ?? [];
  if (type === undefined) return 'no media type';
  if (slash === undefined) return rest === '' && subtype === undefined ? null : 'expected slash after first token';
  if (subtype === undefined) return 'expected token after slash';
  return rest === '' ? null : 'unexpected content after media subtype';
}

function parametersError(parameters: string): string | null {
  const seen = new Map<string, string>();
  let rest = parameters;
  for (let match = PARAMETER.exec(rest); match; match = PARAMETER.exec(rest)) {
    const [whole, name = '', value = ''] = match;
    const key = name.toLowerCase();
    if ((seen.get(key) ?? value) !== value) return 'duplicate parameter name';
    seen.set(key, value);
    rest = rest.slice(whole.length);
  }
  const end = rest.trim();
  return end === '' || end === ';' ? null : 'invalid media parameter';
}
