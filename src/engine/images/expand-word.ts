import { errorMessage, invalid } from '../../shared/errors.js';

/**
 * A word of a Dockerfile instruction with its variables put in and its quotes and backslashes taken away, as a shell would:
 * `$x`, `${x}`, `${x:-word}`, `${x:+word}`, `${x:?words}` (each without the colon too), `${x#pattern}`, `${x%pattern}`, both
 * also doubled, and `${x/pattern/word}`. A variable that is not set is empty. Throws invalid `failed to process "word": why`.
 */
export function expandWord(word: string, env: readonly string[]): string {
  try {
    return new WordReader(word, env).read();
  } catch (error) {
    throw invalid(`failed to process ${JSON.stringify(word)}: ${errorMessage(error)}`, error);
  }
}

class WordReader {
  #at = 0;

  constructor(
    private readonly text: string,
    private readonly env: readonly string[],
  ) {}

  /** Reads up to one of the given characters, which it leaves, or to the end. */
  read(until = ''): string {
    let out = '';
    for (let char = this.#peek(); char !== '' && !until.includes(char); char = this.#peek()) {
      if (char === "'") out += this.#singleQuoted();
      else if (char === '"') out += this.#doubleQuoted();
      else if (char === '$') out += this.#variable();
      else {
        this.#at++;
        if (char === '\\' && this.#at < this.text.length) out += this.#take();
        else out += char;
      }
    }
    return out;
  }

  #peek(): string {
    return this.text[this.#at] ?? '';
  }

  #take(): string {
    return this.text[this.#at++] ?? '';
  }

  #singleQuoted(): string {
    const end = this.text.indexOf("'", this.#at + 1);
    if (end === -1) throw invalid('unexpected end of statement while looking for matching single-quote');
    const content = this.text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return content;
  }

  #doubleQuoted(): string {
    this.#at++;
    let out = '';
    for (let char = this.#peek(); char !== '"'; char = this.#peek()) {
      if (char === '') throw invalid('unexpected end of statement while looking for matching double-quote');
      if (char === '$') {
        out += this.#variable();
        continue;
      }
      this.#at++;
      const isEscape = char === '\\' && this.#peek() !== '' && '"\\$'.includes(this.#peek());
      out += isEscape ? this.#take() : char;
    }
    this.#at++;
    return out;
  }

  #variable(): string {
    this.#at++;
    if (this.#peek() === '{') {
      this.#at++;
      return this.#braced();
    }
    const name = this.#name();
    return name === '' ? '$' : (this.#value(name) ?? '');
  }

  #name(): string {
    const [name = ''] = /^(?:[a-zA-Z_]\w*|\d+|[@*#?$!-])/.exec(this.text.slice(this.#at)) ?? [];
    this.#at += name.length;
    return name;
  }

  #value(name: string): string | undefined {
    return this.env.findLast((entry) => entry.split('=', 1)[0] === name)?.slice(name.length + 1);
  }

  #braced(): string {
    if (this.#peek() === '}') throw invalid('bad substitution');
    const name = this.#name();
    const value = this.#value(name);
    if (this.#peek() === '}') {
      this.#at++;
      return value ?? '';
    }
    const hasColon = this.#peek() === ':';
    if (hasColon) this.#at++;
    const modifier = this.#take();
    if (modifier === '') throw invalid("syntax error: missing '}'");
    if (modifier === '/' && !hasColon) return this.#replaced(value ?? '');
    if ((modifier === '#' || modifier === '%') && !hasColon) return this.#trimmed(value ?? '', modifier);
    const word = this.#operand('}');
    const isSet = value !== undefined && (!hasColon || value !== '');
    if (modifier === '-') return isSet ? value : word;
    if (modifier === '+') return isSet ? word : '';
    if (modifier !== '?') throw invalid(`unsupported modifier (${hasColon ? ':' : ''}${modifier}) in substitution`);
    if (!isSet) throw invalid(`${name}: ${word || 'is not allowed to be unset'}`);
    return value;
  }

  /** What stands before the given end, which is taken too. */
  #operand(end: string): string {
    const word = this.read(end);
    if (this.#take() === '') throw invalid("syntax error: missing '}'");
    return word;
  }

  #trimmed(value: string, modifier: '#' | '%'): string {
    const isGreedy = this.#peek() === modifier;
    if (isGreedy) this.#at++;
    const pattern = globSource(this.#operand('}'));
    const lengths = Array.from({ length: value.length + 1 }, (_, length) => length);
    const whole = new RegExp(`^(?:${pattern})$`, 's');
    const cut = (isGreedy ? lengths.reverse() : lengths).find((length) =>
      whole.test(modifier === '#' ? value.slice(0, length) : value.slice(value.length - length)),
    );
    if (cut === undefined) return value;
    return modifier === '#' ? value.slice(cut) : value.slice(0, value.length - cut);
  }

  #replaced(value: string): string {
    const isEach = this.#peek() === '/';
    if (isEach) this.#at++;
    const pattern = globSource(this.#operand('/'));
    const replacement = this.#operand('}');
    return value.replace(new RegExp(pattern, isEach ? 'gs' : 's'), () => replacement);
  }
}

/** The regular expression of a pattern with `*` and `?`. */
function globSource(pattern: string): string {
  return pattern
    .replace(/[.+^${}()|[\]\\/]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
}
