import { expect, it } from 'vitest';
import { expandWord } from './expand-word.js';

const ENV = ['x=abcabc', 'empty=', 'path=/a/b/c'];

it.each([
  ['$x-${x}', 'abcabc-abcabc'],
  ['$no', ''],
  ['a$', 'a$'],
  ['"$x"', 'abcabc'],
  ["'$x'", '$x'],
  ['\\$x "\\$x" "\\n"', '$x $x \\n'],
  ['a\\', 'a\\'],
  ['${no:-d}', 'd'],
  ['${no:-$x}', 'abcabc'],
  ['${no:-${empty:-e}}', 'e'],
  ['${empty:-d}${empty-d}', 'd'],
  ['${x:+alt}${empty:+alt}${empty+alt}', 'altalt'],
  ['${x:?why}', 'abcabc'],
  ['${path#*/}', 'a/b/c'],
  ['${path##*/}', 'c'],
  ['${path%/*}', '/a/b'],
  ['${path%%/*}', ''],
  ['${path%.x}', '/a/b/c'],
  ['${x/b/$empty-}', 'a-cabc'],
  ['${x//?c/\\$&}', 'a$&a$&'],
])('%s', (word, expected) => {
  expect(expandWord(word, ENV)).toBe(expected);
});

it.each([
  ['${', "syntax error: missing '}'"],
  ['${x:-', "syntax error: missing '}'"],
  ['${}', 'bad substitution'],
  ['${x:%y}', 'unsupported modifier (:%) in substitution'],
  ['${no:?err}', 'no: err'],
  ['${empty:?}', 'empty: is not allowed to be unset'],
  ["'a", 'unexpected end of statement while looking for matching single-quote'],
])('refuses %s', (word, why) => {
  const message = `failed to process ${JSON.stringify(word)}: ${why}`;
  expect(() => expandWord(word, ENV)).toThrow(expect.objectContaining({ kind: 'invalid', message }));
});
