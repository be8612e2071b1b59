// Makes dist of src: one file for each part of the program that is loaded by itself, since loading hundreds takes most of a start.
// Types are tsc's business. dist/wharf-shim is left alone; whatever else is in dist and is not made here, is removed.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src');
const target = join(root, 'dist');
const migrations = join(source, 'store/migrations');

/** What is loaded by itself: the program, what it loads when that is asked for, and the code of its threads. */
const ENTRIES = [
  'cli.ts',
  'run-daemon.ts',
  'daemon/check-data-root.ts',
  'daemon/remove-firewall.ts',
  'host/archive/archive-worker.ts',
].map((file) => join(source, file));

/** Left in node_modules: native modules, and what is loaded late or never, most of it parts of Fastify for schemas and tests. */
const EXTERNAL = [
  'better-sqlite3',
  'koffi',
  'yaml',
  '@fastify/ajv-compiler',
  '@fastify/fast-json-stringify-compiler',
  'light-my-request',
];

/** An entry that another one imports late stays a file of its own. */
const entriesApart = {
  name: 'entries-apart',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ path, kind, resolveDir }) => {
      const file = join(resolveDir, path).replace(/\.js$/, '.ts');
      if (kind !== 'dynamic-import' || !ENTRIES.includes(file)) return undefined;
      return { path: `./${basename(path)}`, external: true };
    });
  },
};

/** Of yargs only the parser is used, and the module that it comes from says nothing about what importing it does. */
const parserOnly = {
  name: 'parser-only',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^\./ }, async ({ path, kind, resolveDir, importer, pluginData }) => {
      if (pluginData === parserOnly || !/node_modules\/yargs\/helpers\//.test(importer)) return undefined;
      return { ...(await resolve(path, { kind, resolveDir, importer, pluginData: parserOnly })), sideEffects: false };
    });
  },
};

/** What `--version` and `docker version` tell. SOURCE_DATE_EPOCH makes builds reproducible. */
function buildInfo() {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  const buildTime = (epoch ? new Date(Number(epoch) * 1000) : new Date()).toISOString();
  return JSON.stringify({ gitCommit: gitCommit(), buildTime });
}

function gitCommit() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return 'unknown';
  }
}

/** Whole or not at all: a daemon that runs may be about to start a thread from the file. */
function write(name, content, mode) {
  const path = join(target, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, content, { mode });
  renameSync(`${path}.new`, path);
  made.add(name);
}

const made = new Set(['wharf-shim']);
const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: ENTRIES.map((file) => ({ in: file, out: basename(file, '.ts') })),
  outdir: target,
  write: false,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // CommonJS: Node loads it without a thread's worth of machinery, and a module that is imported late has its imports loaded late too.
  format: 'cjs',
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  external: EXTERNAL,
  plugins: [entriesApart, parserOnly],
  // For stack traces; see src/shared/source-stack.ts.
  sourcemap: 'external',
  sourcesContent: false,
  // A source with a single character beyond Latin 1 is kept with two bytes for each of all its characters, 1.6 MiB more in the daemon. esbuild
  // escapes strings, but not regular expressions and raw templates; test/contract/bundle.test.ts finds those.
  charset: 'ascii',
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 160,
  logLevel: 'warning',
});
for (const { path, contents } of outputFiles) {
  const name = relative(target, path);
  write(name, contents, name === 'cli.js' ? 0o755 : 0o644);
}
for (const file of readdirSync(migrations)) write(join('migrations', file), readFileSync(join(migrations, file)));
write('build.json', buildInfo());
write('package.json', '{ "type": "commonjs" }\n');

for (const entry of readdirSync(target, { recursive: true })) {
  if (![...made].some((name) => name === entry || name.startsWith(`${entry}/`))) {
    rmSync(join(target, entry), { recursive: true, force: true });
  }
}
