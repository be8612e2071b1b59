import { type Bytes, WORD_BYTES } from './bytes.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LOWER_U = 0x75;
const FIRST_PRINTABLE = 0x20;
const REPLACEMENT = 0xfffd;
const QUOTES = QUOTE * 0x01010101;
const BACKSLASHES = BACKSLASH * 0x01010101;
const HIGH_BITS = 0x80808080;

export interface Unescaped {
  /** Where the closing quote is; -1: there is none, or what is before it is not valid. */
  quoteAt: number;
  /** Where the output ends. */
  writtenTo: number;
}

/** What a one-letter escape means, by the letter; 0: it is none. */
const ESCAPES = new Uint8Array(256);
for (const [letter, meaning] of Object.entries({
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  '"': '"',
  '\\': '\\',
  '/': '/',
})) {
  ESCAPES[letter.charCodeAt(0)] = meaning.charCodeAt(0);
}

/** One object for all calls: it is made once per line of a log. */
const result: Unescaped = { quoteAt: -1, writtenTo: 0 };

/**
 * Decodes the JSON string whose inside begins at `from` in the source to UTF-8 at `to` in the target, which has room for as
 * many bytes as the string has. The result is valid until the next call.
 */
export function unescapeJson(sourceBytes: Bytes, from: number, targetBytes: Bytes, to: number): Unescaped {
  const { bytes: source } = sourceBytes;
  const { bytes: target } = targetBytes;
  const plain = copyPlainWords(sourceBytes.words, from, targetBytes.words, to);
  let at = from + plain;
  let out = to + plain;
  result.quoteAt = -1;
  for (;;) {
    const byte = source[at];
    if (byte === undefined || byte < FIRST_PRINTABLE) return result;
    if (byte === QUOTE) break;
    if (byte !== BACKSLASH) {
      target[out++] = byte;
      at++;
      continue;
    }
    const letter = source[at + 1] ?? 0;
    const meaning = ESCAPES[letter] ?? 0;
    if (meaning !== 0) {
      target[out++] = meaning;
      at += 2;
      continue;
    }
    const unit = letter === LOWER_U ? hex4(source, at + 2) : -1;
    if (unit < 0) return result;
    const low = unit >= 0xd800 && unit < 0xdc00 ? lowSurrogate(source, at + 6) : -1;
    out = putUtf8(target, out, codePoint(unit, low));
    at += low < 0 ? 6 : 12;
  }
  result.quoteAt = at;
  result.writtenTo = out;
  return result;
}

/** Copies as long as all four of the next bytes mean themselves; returns how many bytes that were. */
function copyPlainWords(source: DataView, from: number, target: DataView, to: number): number {
  const limit = Math.min(source.byteLength - from, target.byteLength - to) - WORD_BYTES;
  let done = 0;
  for (; done <= limit; done += WORD_BYTES) {
    const word = source.getInt32(from + done, true);
    if (hasZero(word ^ QUOTES) || hasZero(word ^ BACKSLASHES) || hasControl(word)) break;
    target.setInt32(to + done, word, true);
  }
  return done;
}

/** Whether one of the four bytes of a word is zero, or smaller than a space: the borrow of a subtraction shows it. */
const hasZero = (word: number): boolean => ((word - 0x01010101) & ~word & HIGH_BITS) !== 0;
const hasControl = (word: number): boolean => ((word - 0x20202020) & ~word & HIGH_BITS) !== 0;

function codePoint(unit: number, low: number): number {
  if (low >= 0) return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  return unit >= 0xd800 && unit < 0xe000 ? REPLACEMENT : unit;
}

function lowSurrogate(source: Uint8Array, at: number): number {
  if (source[at] !== BACKSLASH || source[at + 1] !== LOWER_U) return -1;
  const unit = hex4(source, at + 2);
  return unit >= 0xdc00 && unit < 0xe000 ? unit : -1;
}

function hex4(source: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const byte = (source[at + i] ?? 0) | 0x20;
    if (byte >= 0x30 && byte <= 0x39) value = value * 16 + byte - 0x30;
    else if (byte >= 0x61 && byte <= 0x66) value = value * 16 + byte - 0x57;
    else return -1;
  }
  return value;
}

function putUtf8(target: Uint8Array, at: number, code: number): number {
  if (code < 0x80) {
    target[at++] = code;
  } else if (code < 0x800) {
    target[at++] = 0xc0 | (code >> 6);
    target[at++] = 0x80 | (code & 63);
  } else if (code < 0x10000) {
    target[at++] = 0xe0 | (code >> 12);
    target[at++] = 0x80 | ((code >> 6) & 63);
    target[at++] = 0x80 | (code & 63);
  } else {
    target[at++] = 0xf0 | (code >> 18);
    target[at++] = 0x80 | ((code >> 12) & 63);
    target[at++] = 0x80 | ((code >> 6) & 63);
    target[at++] = 0x80 | (code & 63);
  }
  return at;
}
