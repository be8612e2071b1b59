import { invalid } from '../../shared/errors.js';
import { expandWord } from './expand-word.js';

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

/**
 * `a=b c="d e"`, or the old form `a b c` for a single pair, with the variables of `env` put in. Throws invalid in the Dockerfile
 * parser's words.
 */
export function parsePairs(rest: string, instruction: string, env: readonly string[]): [name: string, value: string][] {
  const words = splitWords(rest);
  const first = words[0];
  if (first === undefined) throw invalid(`${instruction} requires at least one argument`);
  if (!first.includes('=')) {
    const value = rest.trim().slice(first.length).trim();
    if (words.length < 2) throw invalid(`${instruction} must have two arguments`);
    return [[expandWord(first, env), expandWord(value, env)]];
  }
  return words.map((word) => {
    const equals = word.indexOf('=');
    if (equals === -1) {
      throw invalid(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    }
    const name = expandWord(word.slice(0, equals), env);
    if (name === '') throw invalid(`${instruction} names can not be blank`);
    return [name, expandWord(word.slice(equals + 1), env)];
  });
}

/** The array of an instruction in JSON form (`["a", "b"]`); null: it is not in that form. Throws invalid for one of anything but strings. */
export function parseJsonArray(rest: string): string[] | null {
  if (!rest.startsWith('[')) return null;
  try {
    const json: unknown = JSON.parse(rest);
    if (!Array.isArray(json)) return null;
    const items = json as unknown[];
    if (items.every((item) => typeof item === 'string')) return items;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  throw invalid('when using JSON array syntax, arrays must be comprised of strings only');
}
