import { invalid } from '../../shared/errors.js';

/**
 * Splits at blanks as Dockerfile instructions are: quotes keep blanks together and stay in the words, a backslash takes
 * the next character's meaning away.
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    if (quote === '' && /\s/.test(char)) {
      if (word !== '') words.push(word);
      word = '';
      continue;
    }
    if (char === '\\' && quote !== "'" && i + 1 < text.length) {
      word += char + (text[++i] ?? '');
      continue;
    }
    if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = '';
    word += char;
  }
  if (word !== '') words.push(word);
  return words;
}

/** Takes quotes and backslashes away, as a shell would. */
export function unquote(word: string): string {
  let out = '';
  let quote = '';
  for (let i = 0; i < word.length; i++) {
    const char = word[i] ?? '';
    if (char === '\\' && quote !== "'" && i + 1 < word.length) {
      const next = word[++i] ?? '';
      out += quote === '"' && !'"\\$'.includes(next) ? char + next : next;
    } else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = '';
    else out += char;
  }
  if (quote !== '')
    throw invalid(
      `unexpected end of statement while looking for matching ${quote === '"' ? 'double' : 'single'}-quote`,
    );
  return out;
}

/** `a=b c="d e"`, or the old form `a b c` for a single pair. Throws invalid in the Dockerfile parser's words. */
export function parsePairs(rest: string, instruction: string): [name: string, value: string][] {
  const words = splitWords(rest);
  const first = words[0];
  if (first === undefined) throw invalid(`${instruction} requires at least one argument`);
  if (!first.includes('=')) {
    const value = rest.trim().slice(first.length).trim();
    if (words.length < 2) throw invalid(`${instruction} must have two arguments`);
    return [[unquote(first), unquote(value)]];
  }
  return words.map((word) => {
    const equals = word.indexOf('=');
    if (equals === -1) {
      throw invalid(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    }
    const name = unquote(word.slice(0, equals));
    if (name === '') throw invalid(`${instruction} names can not be blank`);
    return [name, unquote(word.slice(equals + 1))];
  });
}

/** The array of an instruction in JSON form (`["a", "b"]`); null: it is not in that form. */
export function parseJsonArray(rest: string): string[] | null {
  if (!rest.startsWith('[')) return null;
  try {
    const json: unknown = JSON.parse(rest);
    if (!Array.isArray(json)) return null;
    const items = json as unknown[];
    return items.every((item) => typeof item === 'string') ? items : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
