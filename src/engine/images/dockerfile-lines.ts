import { invalid } from '../../shared/errors.js';
import { splitWords } from './words.js';

/** One instruction of a Dockerfile: its name in capitals, its `--flags` as they were written, and all that follows them. */
export interface DockerfileLine {
  instruction: string;
  flags: string[];
  rest: string;
}

const DIRECTIVE = /^#\s*([a-zA-Z]\w*)\s*=\s*(.+?)\s*$/;

/**
 * The instructions of a Dockerfile. Lines that end with the escape character (a backslash, unless the first lines say `# escape=`)
 * go on in the next; comments and empty lines are left out, in the midst of an instruction too. Throws invalid
 * `file with no instructions` where there is none.
 */
export function dockerfileLines(text: string): DockerfileLine[] {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  const continued = escapeCharacter(lines) === '`' ? /`[ \t]*$/ : /\\[ \t]*$/;
  const whole: string[] = [];
  let begun: string | null = null;
  for (const line of lines) {
    if (/^\s*(?:#.*)?$/.test(line)) continue;
    const part: string = begun === null ? line.trimStart() : begun + line;
    if (continued.test(part)) {
      begun = part.replace(continued, '');
      continue;
    }
    whole.push(part);
    begun = null;
  }
  if (begun !== null) whole.push(begun);
  if (whole.length === 0) throw invalid('file with no instructions');
  return whole.map(lineOf);
}

/** Directives stand before everything else, each in a line of its own. */
function escapeCharacter(lines: readonly string[]): string {
  for (const line of lines) {
    const [, name = '', value = ''] = DIRECTIVE.exec(line) ?? [];
    if (name === '') break;
    if (name.toLowerCase() === 'escape') return value;
  }
  return '\\';
}

function lineOf(line: string): DockerfileLine {
  const text = line.trim();
  const [word = ''] = text.split(/\s/, 1);
  let rest = text.slice(word.length).trim();
  const flags: string[] = [];
  while (rest.startsWith('--')) {
    const [flag = ''] = splitWords(rest);
    rest = rest.slice(flag.length).trim();
    if (flag === '--') break;
    flags.push(flag);
  }
  return { instruction: word.toUpperCase(), flags, rest };
}

/** The values of an instruction's flags. Throws invalid in the Dockerfile parser's words for what is not among the known ones. */
export function flagValues(flags: readonly string[], known: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const flag of flags) {
    const [name = ''] = flag.slice(2).split('=', 1);
    if (!known.includes(name)) throw invalid(`unknown flag: --${name}`);
    if (values.has(name)) throw invalid(`duplicate flag specified: --${name}`);
    if (!flag.includes('=')) throw invalid(`missing a value on flag: --${name}`);
    values.set(name, flag.slice(name.length + 3));
  }
  return values;
}
