import { describe, expect, it } from 'vitest';
import { proxyAuthorization, proxyFor } from './proxy.js';

const settings = (noProxy: string) => ({ httpProxy: 'proxy:3128', httpsProxy: 'http://u:p%40@secure:8080', noProxy });
const via = (url: string, noProxy = ''): string | null => proxyFor(new URL(url), settings(noProxy))?.host ?? null;

describe('proxyFor', () => {
  it('chooses by the scheme of the target', () => {
    expect(via('http://registry.test/v2/')).toBe('proxy:3128');
    expect(via('https://registry.test/v2/')).toBe('secure:8080');
    expect(proxyFor(new URL('https://x.test/'), { httpProxy: 'a', httpsProxy: '', noProxy: '' })).toBeNull();
  });

  it('goes straight to this machine', () => {
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9:5000', '[::1]:5000']) {
      expect(via(`http://${host}/`), host).toBeNull();
    }
  });

  it.each([
    ['*', 'https://any.test/', true],
    ['example.com', 'https://example.com/', true],
    ['example.com', 'https://sub.example.com/', true],
    ['example.com', 'https://notexample.com/', false],
    ['.example.com', 'https://example.com/', false],
    ['.example.com', 'https://sub.example.com/', true],
    ['*.example.com', 'https://sub.example.com/', true],
    ['a.test, example.com:5000', 'https://example.com:5000/', true],
    ['example.com:5000', 'https://example.com/', false],
    ['10.0.0.0/8', 'http://10.1.2.3:5000/', true],
    ['10.0.0.0/8', 'http://11.1.2.3:5000/', false],
    ['10.1.2.3', 'http://10.1.2.3:5000/', true],
    ['fd00::/8', 'http://[fd00::1]:5000/', true],
  ])('with no-proxy %s for %s', (noProxy, url, direct) => {
    expect(via(url, noProxy) === null).toBe(direct);
  });

  it('refuses what it can not speak', () => {
    const socks = { httpProxy: 'socks5://x:1', httpsProxy: '', noProxy: '' };
    expect(() => proxyFor(new URL('http://a.test/'), socks)).toThrow('unsupported proxy scheme "socks5"');
  });

  it('takes the credentials out of the URL', () => {
    const proxy = proxyFor(new URL('https://registry.test/'), settings(''));
    expect(proxy && proxyAuthorization(proxy)).toBe(`Basic ${Buffer.from('u:p@').toString('base64')}`);
    expect(proxyAuthorization(new URL('http://x'))).toBeNull();
  });
});
