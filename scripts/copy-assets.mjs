// What tsc leaves out of dist: the SQL migrations, data files, and the executable bit of the program.
import { chmodSync, cpSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const source = join(root, 'src');
const target = join(root, 'dist');

/** Files that are read at run time and that the compiler does not know. */
const isAsset = (path) => /\.(sql|json)$/.test(path);

for (const entry of readdirSync(source, { recursive: true })) {
  const from = join(source, entry);
  if (isAsset(entry) && statSync(from).isFile()) cpSync(from, join(target, entry));
}
const cli = join(target, 'cli.js');
if (existsSync(cli)) chmodSync(cli, 0o755);
