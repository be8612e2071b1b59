import { readdirSync } from 'node:fs';
import { commandLine } from './leak-check.js';
import { poll } from './poll.js';
import type { TestDaemon } from './test-daemon.js';

/** However busy the machine is; what is asked for is there or not long before. */
const PATIENT = { timeoutMs: 60_000 };

/** What tests of published ports do with the daemon of their suite, from the place where it runs. */
export function publishedPorts(suite: { readonly daemon: TestDaemon }) {
  /** What a command prints; "" when it fails. */
  const inside = async (...command: string[]): Promise<string> => {
    const result = await suite.daemon.holder.run(command, PATIENT);
    return result.code === 0 ? result.stdout.trim() : '';
  };
  const fetch = (url: string): Promise<string> => inside('curl', '-g', '-s', '-m', '20', url);
  /** From `neighbour`'s machine. */
  const fetchOutside = (url: string): Promise<string> =>
    inside('nsenter', '--net=/run/netns/outside', 'curl', '-g', '-s', '-m', '5', url);
  return {
    inside,
    fetch,
    fetchOutside,
    untilServed: (url: string, from = fetch): Promise<string> =>
      poll(`an answer from ${url}`, async () => (await from(url)) || false, PATIENT),
    /** Starts a container that says its name on port 80. */
    serve: (name: string, ...flags: string[]): Promise<string> =>
      suite.daemon.ok(
        ...['run', '-d', '--name', name, '--tmpfs', '/www', ...flags, 'busybox', 'sh', '-c'],
        `echo ${name} > /www/index.html; exec httpd -f -p 80 -h /www`,
      ),
    /** The processes that pass ports on for the daemon. */
    relays: (): number[] =>
      readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name) && commandLine(name).includes(`${suite.daemon.execRoot}/relay.sock`))
        .map(Number),
  };
}
