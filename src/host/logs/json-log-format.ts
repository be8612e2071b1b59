import type { LogFormat } from './log-format.js';
import { JsonRecordEncoder } from './json-record-encoder.js';
import { findTailOffset } from './tail-offset.js';

const NEWLINE = 0x0a;

/** json-file: a JSON object per line. */
export const JSON_LOG_FORMAT: LogFormat = {
  endOfWhole: (buffer, searched, used) => {
    const last = buffer.subarray(searched, used).lastIndexOf(NEWLINE);
    return last < 0 ? 0 : searched + last + 1;
  },
  next: (buffer, at) => buffer.indexOf(NEWLINE, at) + 1,
  terminator: NEWLINE,
  findTail: findTailOffset,
  encoder: (format) => new JsonRecordEncoder(format),
};
