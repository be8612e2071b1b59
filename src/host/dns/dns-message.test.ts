import { describe, expect, it } from 'vitest';
import {
  answersQuestion,
  type DnsQuery,
  encodeAnswer,
  encodeName,
  fitAnswer,
  parseQuery,
  RECORD_TYPE,
} from './dns-message.js';

const header = (flags: number, ...counts: number[]): Buffer => {
  const bytes = Buffer.alloc(12);
  [7, flags, ...counts].forEach((value, index) => bytes.writeUInt16BE(value, index * 2));
  return bytes;
};
const u16 = (...values: number[]): Buffer =>
  Buffer.concat(values.map((value) => Buffer.from([value >> 8, value & 255])));
const opt = (size: number): Buffer => Buffer.concat([Buffer.from([0]), u16(RECORD_TYPE.OPT, size, 0, 0, 0)]);
const message = (name: string, edns?: number): Buffer =>
  Buffer.concat([
    header(0x0100, 1, 0, 0, edns === undefined ? 0 : 1),
    encodeName(name),
    u16(RECORD_TYPE.A, 1),
    ...(edns === undefined ? [] : [opt(edns)]),
  ]);
const query = (name: string, edns?: number): DnsQuery => parseQuery(message(name, edns)) as DnsQuery;
const records = (count: number) => Array.from({ length: count }, () => ({ type: RECORD_TYPE.A, address: '10.0.0.1' }));

describe('a query', () => {
  it('is read with the size that its sender takes', () => {
    expect(query('db.net')).toMatchObject({
      id: 7,
      name: 'db.net',
      type: 1,
      recordClass: 1,
      udpBytes: 512,
      edns: false,
    });
    expect(query('', 4096)).toMatchObject({ name: '', udpBytes: 1232, edns: true });
    expect(query('x', 100)).toMatchObject({ udpBytes: 512 });
  });

  it('is refused or left alone when it is none', () => {
    expect(parseQuery(Buffer.alloc(11))).toBeNull();
    expect(parseQuery(header(0x8180, 1, 0, 0, 0))).toBeNull();
    expect(parseQuery(header(0x2800, 1, 0, 0, 0))).toEqual({ id: 7, code: 4 });
    for (const tail of [[], [1], [0xc0, 0x0c, 0, 1, 0, 1], [64], [3, 97], [1, 97, 0, 0, 1]]) {
      expect(parseQuery(Buffer.concat([header(0x0100, 1, 0, 0, 0), Buffer.from(tail)]))).toEqual({ id: 7, code: 1 });
    }
    expect(parseQuery(Buffer.concat([header(0x0100, 2, 0, 0, 0), message('a').subarray(12)]))).toEqual({
      id: 7,
      code: 1,
    });
    const endless = Buffer.concat([header(0x0100, 1, 0, 0, 0), Buffer.alloc(600, Buffer.from([1, 97]))]);
    expect(parseQuery(endless)).toEqual({ id: 7, code: 1 });
  });
});

describe('an answer', () => {
  it('is cut to what fits, and says so', () => {
    const plain = encodeAnswer(query('db'), { code: 0, ttlSec: 600, records: records(100) }, 512);
    expect(plain.length).toBeLessThanOrEqual(512);
    expect(plain.readUInt16BE(2) & 0x0200).not.toBe(0);
    expect(plain.readUInt16BE(6)).toBe(30);
    const whole = encodeAnswer(query('db', 4096), { code: 0, ttlSec: 600, records: records(60) }, 1232);
    expect(whole.readUInt16BE(2) & 0x0200).toBe(0);
    expect(whole.subarray(-11, -6)).toEqual(opt(1232).subarray(0, 5));
  });

  it('from elsewhere must be about the question, and is cut too', () => {
    const asked = query('db');
    const answer = encodeAnswer(query('DB'), { code: 0, ttlSec: 1, records: records(40) }, 2000);
    expect(answersQuestion(asked, answer)).toBe(true);
    expect(answersQuestion(asked, encodeAnswer(query('dc'), { code: 0, ttlSec: 1, records: [] }, 512))).toBe(false);
    expect(answersQuestion(asked, asked.bytes)).toBe(false);
    expect(answersQuestion(asked, header(0x8180, 0, 0, 0, 0))).toBe(false);
    expect(answersQuestion(asked, header(0x8182, 0, 0, 0, 0))).toBe(true);
    const cut = fitAnswer(asked, answer, 512);
    expect([cut.readUInt16BE(2) & 0x0200, cut.readUInt16BE(6), cut.length]).toEqual([0x0200, 0, 20]);
  });
});
