#!/usr/bin/env node
import './daemon/keep-heap-small.js'; // before anything that fills the heap
import type { LoadedConfig } from './config/load-config.js';
import { loadConfig } from './config/load-config.js';
import { ConfigError, parseFlags } from './config/parse-flags.js';
import { usage } from './config/usage.js';
import { errorMessage } from './shared/errors.js';
import { sourceStack } from './shared/source-stack.js';
import { buildInfo, ENGINE_VERSION } from './shared/version.js';

/** What dockerd exits with for anything that keeps it from starting. */
const EXIT_FAILURE = 1;

async function main(argv: readonly string[]): Promise<number> {
  let loaded: LoadedConfig;
  try {
    const flags = parseFlags(argv);
    if (flags.get('help') === true) return print(usage());
    if (flags.get('version') === true)
      return print(`wharfd version ${ENGINE_VERSION}, build ${buildInfo().gitCommit}\n`);
    loaded = loadConfig(flags);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT_FAILURE;
  }
  if (loaded.config.validate) {
    // On standard error, as dockerd does.
    process.stderr.write('configuration OK\n');
    return 0;
  }
  if (process.geteuid?.() !== 0) {
    process.stderr.write('wharfd needs to be started with root privileges\n');
    return EXIT_FAILURE;
  }
  if (loaded.config.check) {
    const { checkDataRoot } = await import('./daemon/check-data-root.js');
    return (await checkDataRoot(loaded.config, (line) => process.stdout.write(`${line}\n`))) ? 0 : EXIT_FAILURE;
  }
  if (loaded.config.removeFirewall) {
    const { removeFirewall } = await import('./daemon/remove-firewall.js');
    await removeFirewall(loaded.config, (line) => process.stdout.write(`${line}\n`));
    return 0;
  }
  // Not before here: what answers --version and --validate need not load the whole engine.
  const { runDaemon } = await import('./run-daemon.js');
  return runDaemon(loaded, argv);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

void main(process.argv.slice(2))
  .catch((error: unknown) => {
    const text = error instanceof Error ? error.stack && sourceStack(error.stack) : undefined;
    process.stderr.write(`${text ?? errorMessage(error)}\n`);
    return EXIT_FAILURE;
  })
  .then((code) => (process.exitCode = code));
