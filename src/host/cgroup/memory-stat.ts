import { parseFlat } from './parse-flat.js';

/** Of the group alone; `total_` before the name is for it and those below. */
const V1_OF_GROUP = [
  ...['cache', 'rss', 'rss_huge', 'mapped_file', 'dirty', 'writeback', 'pgpgin', 'pgpgout', 'pgfault', 'pgmajfault'],
  ...['inactive_anon', 'active_anon', 'inactive_file', 'active_file', 'unevictable'],
];
const V1 = [
  ...V1_OF_GROUP,
  ...V1_OF_GROUP.map((name) => `total_${name}`),
  ...['hierarchical_memory_limit', 'hierarchical_memsw_limit'],
];
const V2 = [
  ...[
    'anon',
    'file',
    'kernel_stack',
    'slab',
    'sock',
    'shmem',
    'file_mapped',
    'file_dirty',
    'file_writeback',
    'anon_thp',
  ],
  ...['inactive_anon', 'active_anon', 'inactive_file', 'active_file', 'unevictable'],
  ...['slab_reclaimable', 'slab_unreclaimable', 'pgfault', 'pgmajfault'],
  ...['workingset_refault', 'workingset_activate', 'workingset_nodereclaim'],
  ...['pgrefill', 'pgscan', 'pgsteal', 'pgactivate', 'pgdeactivate', 'pglazyfree', 'pglazyfreed'],
  ...['thp_fault_alloc', 'thp_collapse_alloc'],
];

/** What dockerd 28.5 shows of a v1 group's `memory.stat`: always the same names, 0 for what this kernel does not count. */
export function memoryStatV1(text: string): Record<string, number> {
  return text === '' ? {} : pick(parseFlat(text), V1);
}

/** The same of a v2 group's. */
export function memoryStatV2(text: string): Record<string, number> {
  if (text === '') return {};
  const stat = parseFlat(text);
  for (const name of ['workingset_refault', 'workingset_activate']) {
    // Since 5.9 the kernel counts them for memory and for files apart; dockerd has had 0 since.
    stat[name] ??= (stat[`${name}_anon`] ?? 0) + (stat[`${name}_file`] ?? 0);
  }
  return pick(stat, V2);
}

function pick(stat: Record<string, number>, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, stat[name] ?? 0]));
}
