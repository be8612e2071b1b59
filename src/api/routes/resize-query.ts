import { invalid } from '../../shared/errors.js';
import type { Query } from '../http/query.js';

const UINT32_MAX = 0xffff_ffff;

/** The size of a terminal from `h` and `w`, both required. Throws invalid in dockerd's words. */
export function resizeQuery(query: Pick<Query, 'string'>): { height: number; width: number } {
  return { height: dimension('height', query.string('h')), width: dimension('width', query.string('w')) };
}

function dimension(name: string, text: string): number {
  if (!/^-?\d+$/.test(text)) throw invalid(`invalid resize ${name} "${text}": invalid syntax`);
  const value = Number(text);
  if (value < 0 || value > UINT32_MAX) throw invalid(`invalid resize ${name} "${text}": value out of range`);
  return value;
}
