import { describe, expect, it } from 'vitest';
import { parseHostsToml } from './hosts-toml.js';

describe('parseHostsToml', () => {
  it('reads everything that the format has', () => {
    const text = `
# where to look
server = "https://upstream.test"   # last

[host."https://mirror.test:5000/v2/prefix"]
  capabilities = ["pull",
    "resolve"] # no push
  skip_verify = true
  ca = ["/a.pem", 'b#.pem']
  client = [["/c.pem", "/k.pem"]]
  override_path = true
  [host."https://mirror.test:5000/v2/prefix".header]
    X-One = "1"
    x-two = ["2", "3"]

[host."http://plain.test"]
`;
    const entry = { skipVerify: false, ca: [], client: null, headers: {}, overridePath: false };
    expect(parseHostsToml(text)).toEqual({
      server: { ...entry, url: 'https://upstream.test', capabilities: ['pull', 'resolve', 'push'] },
      hosts: [
        {
          url: 'https://mirror.test:5000/v2/prefix',
          capabilities: ['pull', 'resolve'],
          skipVerify: true,
          ca: ['/a.pem', 'b#.pem'],
          client: { certificate: '/c.pem', key: '/k.pem' },
          headers: { 'x-one': '1', 'x-two': '2, 3' },
          overridePath: true,
        },
        { ...entry, url: 'http://plain.test', capabilities: ['pull', 'resolve', 'push'] },
      ],
    });
  });

  it('is happy with nothing', () => {
    expect(parseHostsToml('\n# empty\n')).toEqual({ server: null, hosts: [] });
    expect(parseHostsToml('[host."mirror.test"]').hosts[0]?.url).toBe('https://mirror.test');
  });

  it.each([
    ['server', 'line 1: expected key = value'],
    ['\nserver = https://x', 'line 2: invalid value "https://x"'],
    ['[plugins."x"]', 'line 1: unknown table'],
    ['ca = ["a" "b"]', 'line 1: expected , or ] in an array'],
    ['server = "a b"', '"a b" is no URL'],
  ])('says what it does not understand: %j', (text, message) => {
    expect(() => parseHostsToml(text)).toThrow(message);
  });
});
