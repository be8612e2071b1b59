import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupDirectories, cgroupRoot } from './cgroups.js';
import { run } from './command.js';
import type { TestDaemon } from './test-daemon.js';

/**
 * What a daemon without containers must not have: mounts below its roots, network namespaces, veths and other links of its kinds, processes, cgroups,
 * published ports, container directories, what its runtime knows. Gives one line per leftover. The one shim that waits for the next container is none, nor is the
 * root file system that may be mounted for that, so long as there is a daemon.
 */
export async function leftovers(daemon: TestDaemon): Promise<string[]> {
  if (daemon.reference) return [];
  const spare = daemon.isUp ? await spareId(daemon) : null;
  const found = await everything(daemon);
  const isOtherMount = (line: string): boolean =>
    line.startsWith('mount ') && line !== `mount ${join(daemon.dataRoot, 'overlay2', `${spare}`, 'merged')}`;
  // Half of the id is in the names of sockets.
  return spare === null ? found : found.filter((line) => !line.includes(spare.slice(0, 32)) || isOtherMount(line));
}

/** The id that waits for a container; null when none does, or more than one. */
async function spareId(daemon: TestDaemon): Promise<string | null> {
  const all = await daemon.api.get('/containers/json?all=1');
  const known = new Set(((all.json ?? []) as { Id: string }[]).map(({ Id }) => Id));
  const waiting = processes(daemon)
    .filter((line) => line.includes(' --ahead '))
    .flatMap((line) => / --id ([0-9a-f]{64}) /.exec(line)?.[1] ?? [])
    .filter((id) => !known.has(id));
  return waiting.length === 1 ? (waiting[0] ?? null) : null;
}

async function everything(daemon: TestDaemon): Promise<string[]> {
  return [
    ...mounts(daemon),
    ...entries('network namespace', join(daemon.execRoot, 'netns')),
    ...entries('bundle', join(daemon.execRoot, 'containers')),
    ...entries('shim socket', join(daemon.execRoot, 'shims')),
    ...entries('runtime state', join(daemon.execRoot, 'runtime')),
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
  return cgroupDirectories(daemon.cgroupParent, cgroupRoot(daemon.holder.pid)).flatMap((parent) =>
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
