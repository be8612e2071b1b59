import { describe, expect, it } from 'vitest';
import { parseMediaType } from './media-type.js';

describe('content types', () => {
  it.each([
    ['application/json', 'application/json'],
    ['Application/JSON; charset=utf-8', 'application/json'],
    ['application/json;', 'application/json'],
    [' application/json ; charset = "utf-8; \\" x" ; ', 'application/json'],
    ['application/json; a=b; A=b', 'application/json'],
    ['text/plain', 'text/plain'],
    ['text', 'text'],
  ])('%j is %s', (header, mediaType) => {
    expect(parseMediaType(header)).toEqual({ mediaType, error: null });
  });

  // Replies of dockerd 28.5.
  it.each([
    ['', 'no media type'],
    [' ', 'no media type'],
    ['/json', 'no media type'],
    ['foo bar', 'expected slash after first token'],
    ['appl(ication/json', 'expected slash after first token'],
    ['application/', 'expected token after slash'],
    ['a/b/c', 'unexpected content after media subtype'],
    ['application/json foo', 'unexpected content after media subtype'],
    ['application/json,text/plain', 'unexpected content after media subtype'],
    ['application/json;;', 'invalid media parameter'],
    ['application/json;charset', 'invalid media parameter'],
    ['application/json; a="b', 'invalid media parameter'],
    ['application/json; a=b; a=c', 'duplicate parameter name'],
  ])('%j has %s', (header, error) => {
    expect(parseMediaType(header).error).toBe(error);
  });
});
