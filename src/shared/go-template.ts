/** What a template can show. */
export type TemplateValue = string | number | boolean | readonly string[] | { readonly [key: string]: TemplateValue };

type Expression =
  | { kind: 'value'; value: TemplateValue }
  | { kind: 'field'; of: Expression | null; path: string[] }
  | { kind: 'call'; name: string; args: Expression[] };

type Node =
  | { kind: 'text'; text: string }
  | { kind: 'show'; pipeline: Expression }
  | { kind: 'if' | 'with'; pipeline: Expression; then: Node[]; otherwise: Node[] };

const textOf = (value: TemplateValue | undefined): string => (typeof value === 'string' ? value : show(value));
const list = (value: TemplateValue | undefined): string[] => (Array.isArray(value) ? (value as string[]) : []);

/** The functions that dockerd gives its templates, and Go's own that make sense there. */
const FUNCTIONS: Record<string, (...args: TemplateValue[]) => TemplateValue> = {
  json: (value) => JSON.stringify(value),
  split: (text, separator) => textOf(text).split(textOf(separator)),
  join: (items, separator) => list(items).join(textOf(separator)),
  title: (text) => textOf(text).replace(/(^|\s)\S/g, (first) => first.toUpperCase()),
  lower: (text) => textOf(text).toLowerCase(),
  upper: (text) => textOf(text).toUpperCase(),
  pad: (text, before, after) =>
    textOf(text) === '' ? '' : ' '.repeat(Number(before)) + textOf(text) + ' '.repeat(Number(after)),
  truncate: (text, length) => [...textOf(text)].slice(0, Number(length)).join(''),
  len: (value) =>
    typeof value === 'string'
      ? Buffer.byteLength(value)
      : Array.isArray(value)
        ? value.length
        : Object.keys(value as object).length,
  index: (value, ...keys) => keys.reduce<TemplateValue>((from, key) => member(from, textOf(key)) ?? '', value ?? ''),
  printf: (format, ...args) => printf(textOf(format), args),
  print: (...args) => args.map(textOf).join(''),
  println: (...args) => `${args.map(textOf).join(' ')}\n`,
  eq: (first, ...others) => others.some((other) => other === first),
  ne: (a, b) => a !== b,
  not: (value) => !isTrue(value),
  and: (...args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1) ?? '',
  or: (...args) => args.find(isTrue) ?? args.at(-1) ?? '',
  html: (text) =>
    textOf(text).replace(
      /[&<>"']/g,
      (char) => `&${{ '&': 'amp', '<': 'lt', '>': 'gt', '"': '#34', "'": '#39' }[char]};`,
    ),
  js: (text) => JSON.stringify(textOf(text)).slice(1, -1),
  urlquery: (text) => encodeURIComponent(textOf(text)).replace(/%20/g, '+'),
};

/**
 * Renders a template of Go's text/template: fields, pipelines, literals, parentheses, `if`, `with` and the functions above. Throws
 * TypeError with Go's words for what is no template, or asks for what is not there; `typeName` is what Go calls the data.
 */
export function renderTemplate(
  name: string,
  template: string,
  typeName: string,
  data: Record<string, TemplateValue>,
): string {
  const nodes = new Parser(name, template).parse();
  return new Renderer(name, template, typeName, data).render(nodes, data);
}

const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*"|`[^`]*`)|(-?\d+(?:\.\d+)?)|((?:\.[A-Za-z_][A-Za-z0-9_]*)+|\.(?![A-Za-z_]))|([A-Za-z_][A-Za-z0-9_]*)|([|()]))/y;

class Parser {
  private readonly pieces: { text: string; isAction: boolean; line: number }[] = [];
  private at = 0;

  constructor(
    private readonly name: string,
    template: string,
  ) {
    let rest = template;
    let line = 1;
    for (;;) {
      const open = rest.indexOf('{{');
      const text = open < 0 ? rest : rest.slice(0, open);
      this.pieces.push({ text, isAction: false, line });
      line += text.split('\n').length - 1;
      if (open < 0) break;
      const close = rest.indexOf('}}', open);
      if (close < 0) throw this.error(line, 'unclosed action');
      this.pieces.push({ text: rest.slice(open + 2, close), isAction: true, line });
      rest = rest.slice(close + 2);
    }
  }

  parse(): Node[] {
    const { nodes, ended } = this.nodes();
    if (ended) throw this.error(this.line, `unexpected {{${ended}}}`);
    return nodes;
  }

  private get line(): number {
    return this.pieces[Math.min(this.at, this.pieces.length) - 1]?.line ?? 1;
  }

  /** Up to `{{end}}`, `{{else}}` (which is told) or the end of the template. */
  private nodes(): { nodes: Node[]; ended: 'end' | 'else' | null } {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.pieces[this.at++];
      if (!piece) return { nodes, ended: null };
      if (!piece.isAction) {
        if (piece.text !== '') nodes.push({ kind: 'text', text: piece.text });
        continue;
      }
      const text = piece.text.replace(/^- /, '').replace(/ -$/, '').trim();
      if (text.startsWith('/*') && text.endsWith('*/')) continue;
      if (text === 'end' || text === 'else') return { nodes, ended: text };
      const [, keyword, condition] = /^(if|with|range|template|define|block|break|continue)\b(.*)$/s.exec(text) ?? [];
      if (keyword === 'if' || keyword === 'with') nodes.push(this.branch(keyword, condition ?? ''));
      else if (keyword) throw this.error(piece.line, `{{${keyword}}} is not supported here`);
      else nodes.push({ kind: 'show', pipeline: this.pipeline(text, 'command') });
    }
  }

  private branch(kind: 'if' | 'with', condition: string): Node {
    const pipeline = this.pipeline(condition, kind);
    const then = this.nodes();
    const otherwise = then.ended === 'else' ? this.nodes() : { nodes: [], ended: then.ended };
    if (otherwise.ended !== 'end') throw this.error(this.line, 'unexpected EOF');
    return { kind, pipeline, then: then.nodes, otherwise: otherwise.nodes };
  }

  private pipeline(text: string, what: string): Expression {
    const tokens = this.tokens(text);
    if (tokens.length === 0) throw this.error(this.line, `missing value for ${what}`);
    const result = this.commands(tokens);
    if (tokens.length > 0) throw this.error(this.line, `unexpected right paren`);
    return result;
  }

  private tokens(text: string): string[] {
    const tokens: string[] = [];
    TOKEN.lastIndex = 0;
    for (let at = 0; at < text.trimEnd().length; at = TOKEN.lastIndex) {
      const match = TOKEN.exec(text);
      if (!match) throw this.error(this.line, `unexpected ${JSON.stringify(text.slice(at).trim()[0])} in command`);
      tokens.push(match[0].trim());
    }
    return tokens;
  }

  /** Commands joined by pipes, up to a closing parenthesis: each is the last argument of the next. */
  private commands(tokens: string[]): Expression {
    let result: Expression | null = null;
    do {
      const words: { expression: Expression; isFunction: boolean }[] = [];
      while (tokens.length > 0 && tokens[0] !== '|' && tokens[0] !== ')') words.push(this.operand(tokens));
      const [first, ...rest] = words;
      if (!first) throw this.error(this.line, 'missing value for command');
      const args = rest.map(({ expression }) => expression);
      if (result) args.push(result);
      if (first.expression.kind === 'call' && first.isFunction) {
        result = { ...first.expression, args };
      } else {
        if (args.length > 0) throw this.error(this.line, 'non executable command in pipeline stage 2');
        result = first.expression;
      }
    } while (tokens[0] === '|' && tokens.shift());
    return result;
  }

  private operand(tokens: string[]): { expression: Expression; isFunction: boolean } {
    const token = tokens.shift() ?? '';
    const plain = (expression: Expression) => ({ expression, isFunction: false });
    if (token === '(') {
      const inner = this.commands(tokens);
      if (tokens.shift() !== ')') throw this.error(this.line, 'unclosed left paren');
      const [next] = tokens;
      if (!next?.startsWith('.') || next === '.') return plain(inner);
      tokens.shift();
      return plain({ kind: 'field', of: inner, path: next.slice(1).split('.') });
    }
    if (token.startsWith('"')) return plain({ kind: 'value', value: JSON.parse(token) as string });
    if (token.startsWith('`')) return plain({ kind: 'value', value: token.slice(1, -1) });
    if (/^-?\d/.test(token)) return plain({ kind: 'value', value: Number(token) });
    if (token === 'true' || token === 'false') return plain({ kind: 'value', value: token === 'true' });
    if (token.startsWith('.')) {
      return plain({ kind: 'field', of: null, path: token === '.' ? [] : token.slice(1).split('.') });
    }
    if (!Object.hasOwn(FUNCTIONS, token)) throw this.error(this.line, `function ${JSON.stringify(token)} not defined`);
    return { expression: { kind: 'call', name: token, args: [] }, isFunction: true };
  }

  private error(line: number, what: string): TypeError {
    return new TypeError(`template: ${this.name}:${line}: ${what}`);
  }
}

class Renderer {
  constructor(
    private readonly name: string,
    private readonly template: string,
    private readonly typeName: string,
    private readonly data: Record<string, TemplateValue>,
  ) {}

  render(nodes: readonly Node[], dot: TemplateValue): string {
    return nodes
      .map((node) => {
        if (node.kind === 'text') return node.text;
        const value = this.evaluate(node.pipeline, dot);
        if (node.kind === 'show') return show(value);
        if (!isTrue(value)) return this.render(node.otherwise, dot);
        return this.render(node.then, node.kind === 'with' ? (value ?? '') : dot);
      })
      .join('');
  }

  private evaluate(expression: Expression, dot: TemplateValue): TemplateValue | undefined {
    switch (expression.kind) {
      case 'value':
        return expression.value;
      case 'field':
        return this.field(expression.of ? this.evaluate(expression.of, dot) : dot, expression.path);
      case 'call':
        return FUNCTIONS[expression.name]?.(...expression.args.map((arg) => this.evaluate(arg, dot) ?? ''));
    }
  }

  private field(from: TemplateValue | undefined, path: readonly string[]): TemplateValue | undefined {
    let value = from;
    for (const name of path) {
      if (value === this.data && !Object.hasOwn(this.data, name)) throw this.noField(name);
      value = value === undefined ? undefined : member(value, name);
    }
    return value;
  }

  private noField(field: string): TypeError {
    const before = this.template.slice(0, Math.max(0, this.template.indexOf(`.${field}`)));
    const line = before.split('\n').length;
    const column = before.length - before.lastIndexOf('\n') - 1;
    const where = `${this.name}:${line}:${column}: executing ${JSON.stringify(this.name)} at <.${field}>`;
    return new TypeError(`template: ${where}: can't evaluate field ${field} in type ${this.typeName}`);
  }
}

function member(value: TemplateValue, key: string): TemplateValue | undefined {
  if (Array.isArray(value)) return (value as readonly string[])[Number(key)];
  if (typeof value !== 'object') return undefined;
  const map = value as { readonly [key: string]: TemplateValue };
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function isTrue(value: TemplateValue | undefined): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object') return Object.keys(value).length > 0;
  return value !== undefined && value !== '' && value !== 0 && value !== false;
}

/** As Go prints it. */
function show(value: TemplateValue | undefined): string {
  if (value === undefined) return '<no value>';
  if (Array.isArray(value)) return `[${(value as string[]).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value as Record<string, TemplateValue>).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${show(item)}`).join(' ')}]`;
}

function printf(format: string, args: TemplateValue[]): string {
  let next = 0;
  return format.replace(/%(?:([svdq])|%)/g, (verb, letter?: string) => {
    if (!letter) return '%';
    const arg = args[next++];
    if (arg === undefined) return `%!${letter}(MISSING)`;
    return letter === 'q' ? JSON.stringify(textOf(arg)) : verb && textOf(arg);
  });
}
