// What tsc leaves out of dist: the SQL migrations, data files, and the executable bit of the program.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
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

/** What `--version` and `docker version` tell. SOURCE_DATE_EPOCH makes builds reproducible. */
function gitCommit() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return 'unknown';
  }
}
const epoch = process.env.SOURCE_DATE_EPOCH;
const buildTime = (epoch ? new Date(Number(epoch) * 1000) : new Date()).toISOString();
writeFileSync(join(target, 'build.json'), JSON.stringify({ gitCommit: gitCommit(), buildTime }));
