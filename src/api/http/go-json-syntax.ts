/**
 * Says what is wrong with a JSON text in the words of Go's encoding/json, because clients' tests match dockerd's error
 * text. Only called on text that JSON.parse refused, so it need not be fast. Iterative: hostile nesting costs no stack.
 */
export function describeJsonError(text: string): string {
  const scanner = new Scanner(text);
  const problem = scanner.value();
  if (problem !== null) return `invalid JSON: ${problem}`;
  return 'unexpected content after JSON';
}

const EOF = 'unexpected EOF';

class Scanner {
  private at = 0;

  constructor(private readonly text: string) {}

  /** null: one whole value was read. */
  value(): string | null {
    const open: ('{' | '[')[] = [];
    for (;;) {
      const problem = this.scalarOrOpen(open);
      if (problem !== null) return problem;
      // A value has ended, or something opened that is still empty.
      for (;;) {
        const container = open.at(-1);
        if (container === undefined) return null;
        const next = this.afterValue(container);
        if (next === 'closed') open.pop();
        else if (next === 'again') break;
        else return next.problem;
      }
    }
  }

  private justOpened = false;

  private scalarOrOpen(open: ('{' | '[')[]): string | null {
    this.space();
    const char = this.text[this.at];
    if (char === undefined) return EOF;
    this.justOpened = false;
    if (char === '{' || char === '[') {
      this.at++;
      open.push(char);
      this.justOpened = true;
      return null;
    }
    if (char === '"') return this.string();
    if (char === '-' || (char >= '0' && char <= '9')) return this.number();
    const literal = { t: 'true', f: 'false', n: 'null' }[char];
    if (literal) return this.literal(literal);
    return `${quote(char)} looking for beginning of value`;
  }

  private afterValue(container: '{' | '['): 'closed' | 'again' | { problem: string } {
    this.space();
    const char = this.text[this.at];
    if (char === undefined) return { problem: EOF };
    const fresh = this.justOpened;
    this.justOpened = false;
    if (char === (container === '{' ? '}' : ']')) {
      this.at++;
      return 'closed';
    }
    if (!fresh) {
      if (char !== ',') {
        return { problem: `${quote(char)} after ${container === '{' ? 'object key:value pair' : 'array element'}` };
      }
      this.at++;
    }
    return container === '{' ? this.key() : 'again';
  }

  private key(): 'again' | { problem: string } {
    this.space();
    const char = this.text[this.at];
    if (char === undefined) return { problem: EOF };
    if (char !== '"') return { problem: `${quote(char)} looking for beginning of object key string` };
    const problem = this.string();
    if (problem !== null) return { problem };
    this.space();
    const colon = this.text[this.at];
    if (colon === undefined) return { problem: EOF };
    if (colon !== ':') return { problem: `${quote(colon)} after object key` };
    this.at++;
    return 'again';
  }

  private string(): string | null {
    for (this.at++; ; this.at++) {
      const char = this.text[this.at];
      if (char === undefined) return EOF;
      if (char === '"') {
        this.at++;
        return null;
      }
      if (char < ' ') return `${quote(char)} in string literal`;
      if (char === '\\') {
        const escape = this.text[++this.at];
        if (escape === undefined) return EOF;
        if (escape === 'u') {
          for (let digit = 0; digit < 4; digit++) {
            const hex = this.text[++this.at];
            if (hex === undefined) return EOF;
            if (!/[0-9a-fA-F]/.test(hex)) return `${quote(hex)} in \\u hexadecimal character escape`;
          }
        } else if (!'"\\/bfnrt'.includes(escape)) return `${quote(escape)} in string escape code`;
      }
    }
  }

  private number(): string | null {
    if (this.text[this.at] === '-') this.at++;
    if (this.text[this.at] === '0') this.at++;
    else {
      const problem = this.digits();
      if (problem !== null) return problem;
    }
    if (this.text[this.at] === '.') {
      this.at++;
      const problem = this.digits();
      if (problem !== null) return problem;
    }
    if (/[eE]/.test(this.text[this.at] ?? '')) {
      this.at++;
      if (/[+-]/.test(this.text[this.at] ?? '')) this.at++;
      return this.digits();
    }
    return null;
  }

  private digits(): string | null {
    const from = this.at;
    while (/[0-9]/.test(this.text[this.at] ?? '')) this.at++;
    if (this.at > from) return null;
    const char = this.text[this.at];
    return char === undefined ? EOF : `${quote(char)} in numeric literal`;
  }

  private literal(word: string): string | null {
    for (const expected of word) {
      const char = this.text[this.at];
      if (char === undefined) return EOF;
      if (char !== expected) return `${quote(char)} in literal ${word} (expecting '${expected}')`;
      this.at++;
    }
    return null;
  }

  private space(): void {
    while (/[ \t\r\n]/.test(this.text[this.at] ?? '')) this.at++;
  }
}

function quote(char: string): string {
  if (char === "'") return `invalid character '\\''`;
  if (char === '"') return `invalid character '"'`;
  return `invalid character '${JSON.stringify(char).slice(1, -1)}'`;
}
