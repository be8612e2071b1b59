import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';

/** The place of a call in a stack: file, line and column, both from 1. */
const PLACE = /(?:file:\/\/)?(\/[^\s():]+\.js):(\d+):(\d+)/g;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The same error comes again and again, and its map is long. */
const MAX_KNOWN = 100;
const known = new Map<string, string>();

interface Place {
  line: number;
  column: number;
}

/**
 * A stack trace of the built program with the places of the sources, which the map beside each built file tells; places without a map stay.
 * Node can do that by itself, but it keeps the maps, which are larger than the program. Costs some 10 ms the first time that a stack comes.
 */
export function sourceStack(stack: string): string {
  const mapped = known.get(stack) ?? mapStack(stack);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(stack, mapped);
  return mapped;
}

function mapStack(stack: string): string {
  const places = new Map<string, Place[]>();
  for (const [, file = '', line, column] of stack.matchAll(PLACE)) {
    places.set(file, [...(places.get(file) ?? []), { line: Number(line), column: Number(column) }]);
  }
  const found = new Map<string, string>();
  for (const [file, wanted] of places) {
    const map = readMap(`${file}.map`);
    if (map) for (const [place, source] of findSources(map, wanted)) found.set(`${file}:${place}`, source);
  }
  return stack.replace(PLACE, (text, file: string, line: string, column: string) => {
    return found.get(`${file}:${line}:${column}`) ?? text;
  });
}

interface SourceMap {
  /** Absolute. */
  sources: string[];
  mappings: string;
}

/** null: there is none that can be read, which must not hide the error whose stack it is. */
function readMap(path: string): SourceMap | null {
  try {
    const { sources, mappings } = JSON.parse(readFileSync(path, 'utf8')) as Partial<SourceMap>;
    if (!Array.isArray(sources) || typeof mappings !== 'string') return null;
    return { sources: sources.map((name) => (isAbsolute(name) ? name : resolve(dirname(path), name))), mappings };
  } catch {
    return null;
  }
}

const COMMA = ','.charCodeAt(0);
const SEMICOLON = ';'.charCodeAt(0);
const VALUES = new Uint8Array(128);
for (const [value, character] of [...DIGITS].entries()) VALUES[character.charCodeAt(0)] = value;

/**
 * The source of each place, both as text, in one pass over the mappings: a line of them for each line of the file, each with segments of
 * base64 VLQ numbers, which count from the segment before: column (from the line's begin), source, its line, its column. A digit is five bits,
 * the lowest first; its sixth bit says that more follow, and the first bit of all is the sign.
 */
function findSources({ sources, mappings }: SourceMap, wanted: readonly Place[]): Map<string, string> {
  const found = new Map<string, string>();
  const lastLine = Math.max(...wanted.map(({ line }) => line));
  const segment = [0, 0, 0, 0];
  let [line, field, value, shift] = [1, 0, 0, 0];
  let here = wanted.filter((place) => place.line === line);
  for (let index = 0; index <= mappings.length && line <= lastLine; index++) {
    const code: number = index < mappings.length ? mappings.charCodeAt(index) : SEMICOLON;
    if (code !== COMMA && code !== SEMICOLON) {
      const digit = VALUES[code] ?? 0;
      value |= (digit & 31) << shift;
      shift += 5;
      if (digit & 32) continue;
      segment[field] = (segment[field] ?? 0) + (value & 1 ? -(value >>> 1) : value >>> 1);
      field++;
      [value, shift] = [0, 0];
      continue;
    }
    const [column, source = 0, sourceLine = 0, sourceColumn = 0] = segment as [number, ...number[]];
    // The last segment that begins at or before the place, and has a source; columns of a map count from 0.
    for (const place of here) {
      if (field < 4 || column >= place.column) continue;
      found.set(`${place.line}:${place.column}`, `${sources[source]}:${sourceLine + 1}:${sourceColumn + 1}`);
    }
    field = 0;
    if (code === COMMA) continue;
    segment[0] = 0;
    line++;
    here = wanted.filter((place) => place.line === line);
  }
  return found;
}
