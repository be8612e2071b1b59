import { describe, expect, it } from 'vitest';
import { describeJsonError } from './go-json-syntax.js';

describe('JSON errors in the words of Go', () => {
  it.each([
    ['{invalid json', "invalid character 'i' looking for beginning of object key string"],
    ['{"a"', 'unexpected EOF'],
    ['{"a":', 'unexpected EOF'],
    ['{"a":"x', 'unexpected EOF'],
    ['{"a":1', 'unexpected EOF'],
    ['[', 'unexpected EOF'],
    ['[1,', 'unexpected EOF'],
    ['nul', 'unexpected EOF'],
    ['nulx', "invalid character 'x' in literal null (expecting 'l')"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
    ['[1 2]', "invalid character '2' after array element"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
    ['{"a":01}', "invalid character '1' after object key:value pair"],
    ['{"a":-}', "invalid character '}' in numeric literal"],
    ['{"a":1.}', "invalid character '}' in numeric literal"],
    ['{"a":"\\q"}', "invalid character 'q' in string escape code"],
    ['{"a":"\\u12g"}', "invalid character 'g' in \\u hexadecimal character escape"],
    ['{"a":"x\ny"}', "invalid character '\\n' in string literal"],
    ["'a'", "invalid character '\\'' looking for beginning of value"],
    ['{"a":{},"b":[{}],c}', "invalid character 'c' looking for beginning of object key string"],
  ])('%j', (text, problem) => {
    expect(() => JSON.parse(text) as unknown).toThrow();
    expect(describeJsonError(text)).toBe(`invalid JSON: ${problem}`);
  });

  it('names what comes after a value', () => {
    for (const text of ['{} trailing', '[[]] []', '1 2', '{}}']) {
      expect(describeJsonError(text)).toBe('unexpected content after JSON');
    }
  });

  it('survives hostile nesting', () => {
    expect(describeJsonError('['.repeat(1_000_000))).toBe('invalid JSON: unexpected EOF');
  });
});
