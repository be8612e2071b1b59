/**
 * Runs inside a test daemon's namespaces, beside a real registry: a proxy before it that fails as it is told, a token server,
 * and a forward proxy for HTTP and CONNECT. Told what to do over a unix socket, which reaches across namespaces.
 *   tsx registry-lab-server.ts '<JSON of LabSettings>'
 */
import { createHash, createPrivateKey, sign, timingSafeEqual, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Fault, LabSettings, Seen } from './registry-lab.js';

const settings = JSON.parse(process.argv[2] ?? '') as LabSettings;
let faults: Fault[] = [];
let seen: Seen[] = [];

/** The first fault that matches and is not used up. */
function faultFor(line: string): Fault | undefined {
  const fault = faults.find((one) => (one.times ?? Infinity) > 0 && new RegExp(one.match).test(line));
  if (fault?.times !== undefined) fault.times -= 1;
  return fault;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function serveFaulty(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const line = `${incoming.method} ${incoming.url}`;
  const entry: Seen = {
    line,
    range: incoming.headers.range ?? null,
    authorization: incoming.headers.authorization ?? null,
    sentBytes: 0,
    closed: false,
  };
  seen.push(entry);
  response.on('close', () => (entry.closed = true));
  const fault = faultFor(line);
  if (fault?.delayMs) await pause(fault.delayMs);
  while (fault?.hold && faults.includes(fault)) await pause(10);
  if (fault?.status) {
    incoming.resume();
    response.writeHead(fault.status, fault.headers ?? {}).end(fault.body ?? '');
    return;
  }
  const upstream = request(
    {
      host: '127.0.0.1',
      port: settings.registryPort,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
    },
    (answer) => void relay(answer, response, entry, fault),
  );
  upstream.on('error', () => response.destroy());
  if (fault?.cutRequestAt === undefined) {
    incoming.pipe(upstream);
    return;
  }
  let received = 0;
  incoming.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received < fault.cutRequestAt!) return void upstream.write(chunk);
    upstream.destroy();
    response.destroy();
  });
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });

async function relay(
  answer: IncomingMessage,
  response: ServerResponse,
  entry: Seen,
  fault: Fault | undefined,
): Promise<void> {
  response.writeHead(answer.statusCode!, answer.headers);
  try {
    for await (const piece of answer as AsyncIterable<Buffer>) {
      // Small pieces, so that what happens at a byte happens near it.
      for (let at = 0; at < piece.length; at += 16_384) {
        const chunk = Buffer.from(piece.subarray(at, at + 16_384));
        const { corruptAt, cutAt, bytesPerSec } = fault ?? {};
        if (corruptAt !== undefined && corruptAt >= entry.sentBytes && corruptAt < entry.sentBytes + chunk.length) {
          chunk[corruptAt - entry.sentBytes]! ^= 0x55;
        }
        if (cutAt !== undefined && entry.sentBytes + chunk.length > cutAt) {
          const last = chunk.subarray(0, cutAt - entry.sentBytes);
          response.write(last, () => response.destroy());
          entry.sentBytes += last.length;
          return;
        }
        if (response.destroyed) return;
        if (!response.write(chunk)) await drained(response);
        entry.sentBytes += chunk.length;
        if (bytesPerSec) await pause((chunk.length / bytesPerSec) * 1000);
      }
    }
    response.end();
  } catch {
    response.destroy();
  }
}

/** Gives tokens for everything to the user, for pulls from public/ to everybody. */
function serveToken(incoming: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('end', () => {
    const url = new URL(incoming.url ?? '', 'http://x');
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const scopes = [...url.searchParams.getAll('scope'), ...(form.get('scope')?.split(' ') ?? [])];
    seen.push({
      line: `${incoming.method} token ${scopes.join(' ')} ${form.get('grant_type') ?? ''}`.trim(),
      range: null,
      authorization: incoming.headers.authorization ?? null,
      sentBytes: 0,
      closed: true,
    });
    const basic = `Basic ${Buffer.from('user:secret').toString('base64')}`;
    const isUser =
      form.get('grant_type') === 'refresh_token'
        ? form.get('refresh_token') === 'the-identity-token'
        : same(incoming.headers.authorization ?? '', basic);
    const isAnonymous = incoming.headers.authorization === undefined && !form.has('refresh_token');
    if (!isUser && !isAnonymous) {
      response.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}');
      return;
    }
    const access = scopes.flatMap((scope) => {
      const [type, name = '', actions = ''] = scope.split(':');
      const allowed = actions
        .split(',')
        .filter((action) => isUser || (name.startsWith('public/') && action === 'pull'));
      return type === 'repository' && allowed.length > 0 ? [{ type, name, actions: allowed }] : [];
    });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ access_token: makeToken(access), expires_in: settings.tokenSeconds ?? 300 }));
  });
}

function same(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

function makeToken(access: object[]): string {
  const { certificate, key } = settings.tokens!;
  const der = new X509Certificate(readFileSync(certificate)).raw.toString('base64');
  const nowSec = Math.floor(Date.now() / 1000);
  const claims = {
    iss: 'lab',
    aud: 'lab-registry',
    sub: 'user',
    iat: nowSec,
    nbf: nowSec - 10,
    exp: nowSec + (settings.tokenSeconds ?? 300),
    jti: createHash('sha256').update(String(Math.random())).digest('hex'),
    access,
  };
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${encode({ typ: 'JWT', alg: 'RS256', x5c: [der] })}.${encode(claims)}`;
  const signature = sign('RSA-SHA256', Buffer.from(body), createPrivateKey(readFileSync(key)));
  return `${body}.${signature.toString('base64url')}`;
}

function forwardProxy(): void {
  const server = createServer((incoming, response) => {
    const target = new URL(incoming.url ?? '');
    seen.push({
      line: `PROXY ${incoming.method} ${target.host}`,
      range: null,
      authorization: incoming.headers['proxy-authorization'] ?? null,
      sentBytes: 0,
      closed: true,
    });
    const { 'proxy-authorization': _, ...headers } = incoming.headers;
    const path = target.pathname + target.search;
    const upstream = request(
      { host: target.hostname, port: target.port, method: incoming.method, path, headers },
      (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      },
    );
    upstream.on('error', () => response.destroy());
    incoming.pipe(upstream);
  });
  server.on('connect', (incoming, socket, head) => {
    seen.push({
      line: `PROXY CONNECT ${incoming.url}`,
      range: null,
      authorization: incoming.headers['proxy-authorization'] ?? null,
      sentBytes: 0,
      closed: true,
    });
    const [host, port] = (incoming.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    socket.on('error', () => upstream.destroy());
  });
  server.listen(settings.forwardPort, '127.0.0.1');
}

createServer((incoming, response) => void serveFaulty(incoming, response)).listen(settings.faultPort, '127.0.0.1');
if (settings.tokens) createServer(serveToken).listen(settings.tokens.port, '127.0.0.1');
if (settings.forwardPort) forwardProxy();

const chunksOf = async (incoming: IncomingMessage): Promise<string> => {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  return text;
};
createServer((incoming, response) => {
  void chunksOf(incoming).then((text) => {
    if (incoming.method === 'POST') faults = JSON.parse(text) as Fault[];
    response.end(JSON.stringify(seen));
    if (incoming.method === 'DELETE') seen = [];
  });
}).listen(settings.controlSocket);
