import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupDirectories } from './cgroups.js';
import { run } from './command.js';
import type { TestDaemon } from './test-daemon.js';

/**
 * What a daemon without containers must not have: mounts below its roots, network namespaces, veths and other links of its kinds, processes, cgroups,
 * published ports, container directories. Gives one line per leftover.
 */
export async function leftovers(daemon: TestDaemon): Promise<string[]> {
  if (daemon.reference) return [];
  return [
    ...mounts(daemon),
    ...entries('network namespace', join(daemon.execRoot, 'netns')),
    ...entries('bundle', join(daemon.execRoot, 'containers')),
    ...entries('shim socket', join(daemon.execRoot, 'shims')),
    ...entries('container directory', join(daemon.dataRoot, 'containers')),
    ...cgroups(daemon),
    ...processes(daemon),
    ...(await links(daemon)),
    ...(await publishedPorts(daemon)),
  ];
}

function mounts(daemon: TestDaemon): string[] {
  return readFileSync(`/proc/${daemon.holder.pid}/mountinfo`, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((target) => target.startsWith(`${daemon.dir}/`) && target !== daemon.dataRoot && !target.endsWith('/netns'))
    .map((target) => `mount ${target}`);
}

function entries(what: string, dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir).map((name) => `${what} ${name}`) : [];
}

function cgroups(daemon: TestDaemon): string[] {
  return cgroupDirectories(daemon.cgroupParent).flatMap((parent) =>
    readdirSync(parent, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `cgroup ${join(parent, entry.name)}`),
  );
}

/** Processes that name our directory and are not the daemon itself: shims and runtimes. */
function processes(daemon: TestDaemon): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const line = commandLine(pid);
      return line.includes(daemon.dir) && !line.includes('/cli.js') && !line.includes('mount ')
        ? [`process ${pid} ${line}`]
        : [];
    });
}

/** The words of a process, each with a space behind it; "" when it has ended. */
export function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return ''; // it ended meanwhile
  }
}

async function links(daemon: TestDaemon): Promise<string[]> {
  const { stdout } = await daemon.holder.run(['ip', '-o', '-d', 'link']);
  return stdout
    .split('\n')
    .filter((line) => /: veth|\\ +(macvlan|ipvlan|vlan|dummy) /.test(line))
    .map((line) => `link ${line.split(':')[1]?.trim()}`);
}

async function publishedPorts(daemon: TestDaemon): Promise<string[]> {
  const [program, args] = daemon.holder.enter('nft', '-j', 'list', 'maps');
  const { stdout, code } = await run(program, args);
  if (code !== 0 || !stdout.trim()) return [];
  const { nftables } = JSON.parse(stdout) as { nftables: { map?: { name: string; elem?: unknown[] } }[] };
  return nftables.flatMap(({ map }) =>
    (map?.elem ?? []).map((elem) => `port in ${map!.name}: ${JSON.stringify(elem)}`),
  );
}
