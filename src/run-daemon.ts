import type { DaemonLogger, LogFormat } from './config/create-logger.js';
import { createLogger } from './config/create-logger.js';
import { loadConfig, warnAboutOptions } from './config/load-config.js';
import type { LoadedConfig } from './config/load-config.js';
import { parseFlags } from './config/parse-flags.js';
import { daemonPaths } from './config/paths.js';
import { Daemon } from './daemon.js';
import { runningArchiveJobs } from './host/archive/archive-workers.js';
import { writeDiagnosticReport } from './host/process/diagnostic-report.js';
import { claimPidFile } from './host/process/pid-file.js';
import { lockDataRoot } from './host/process/data-root-lock.js';
import { sdNotify } from './host/sys/notify.js';
import { hasCode } from './shared/errors.js';
import { sourceStack } from './shared/source-stack.js';
import { ENGINE_VERSION } from './shared/version.js';

/** As dockerd: the third signal is not waited for. */
const SIGNALS_TO_FORCE = 3;
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Runs the daemon until a signal ends it; resolves with the exit code. Containers go on: their shims own them. `argv` is
 * read again when a SIGHUP asks for the file's new values.
 */
export async function runDaemon(loaded: LoadedConfig, argv: readonly string[]): Promise<number> {
  const { config } = loaded;
  // As dockerd: what containers see of the files made here must not depend on who started the daemon.
  process.umask(0o022);
  const logger = createLogger({ level: logLevel(loaded), format: config.logFormat as LogFormat });
  survive(logger);
  reportOnSignal(config, logger);
  const limits = { shutdownTimeoutSec: config.shutdownTimeout };
  const stopped = listenForSignals(logger, limits);
  try {
    logger.info({ version: ENGINE_VERSION, pid: process.pid }, 'Starting up');
    warnAboutOptions(loaded, logger);
    const paths = daemonPaths(config);
    using _lock = lockDataRoot(paths.dataRoot, paths.lockFile);
    using _pidFile = claimPidFile(config.pidfile);
    await using daemon = await Daemon.start(loaded, logger);
    logger.info({ ms: Math.round(process.uptime() * 1000) }, 'Daemon has completed initialization');
    notify('READY=1', logger);
    process.on('SIGHUP', () => reload(daemon, argv, limits, logger));
    logger.info({ signal: await stopped }, 'Processing signal: stopping, containers go on');
    notify('STOPPING=1', logger);
  } catch (err) {
    logger.error({ err }, 'failed to start daemon');
    return 1;
  }
  logger.info('Daemon shutdown complete');
  // What is still open (a client's keep-alive, a pool's thread) must not keep a stopped daemon alive.
  setImmediate(() => process.exit(0));
  return 0;
}

function logLevel({ config }: LoadedConfig): string {
  return config.debug ? 'debug' : config.logLevel;
}

interface Limits {
  /** Negative: none. */
  shutdownTimeoutSec: number;
}

function listenForSignals(logger: DaemonLogger, limits: Limits): Promise<NodeJS.Signals> {
  let received = 0;
  return new Promise((resolve) => {
    const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
      received += 1;
      if (received >= SIGNALS_TO_FORCE) {
        logger.warn('Forcing shutdown without cleaning up: third signal');
        process.exit(128 + SIGNAL_NUMBERS[signal]);
      }
      const { shutdownTimeoutSec } = limits;
      if (received === 1 && shutdownTimeoutSec >= 0) {
        setTimeout(() => {
          logger.error({ seconds: shutdownTimeoutSec }, 'shutdown took too long; exiting');
          process.exit(1);
        }, shutdownTimeoutSec * 1000).unref();
      }
      resolve(signal);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}

/** As dockerd on SIGUSR1. Node would open a debugger instead, by which every user of the machine could run code as root. */
function reportOnSignal(config: LoadedConfig['config'], logger: DaemonLogger): void {
  process.on('SIGUSR1', () => {
    try {
      logger.info(
        { path: writeDiagnosticReport(daemonPaths(config).execRoot, runningArchiveJobs()) },
        'diagnostic report written',
      );
    } catch (err) {
      logger.error({ err }, 'could not write a diagnostic report');
    }
  });
}

/** A client that hangs up at a bad moment must not end everybody's daemon; a state that nobody thought of must. */
function survive(logger: DaemonLogger): void {
  process.on('unhandledRejection', (err) => logger.error({ err }, 'a promise was rejected and nobody cared'));
  process.on('uncaughtException', (err) => {
    logger.error({ err, stack: sourceStack(err.stack ?? '') }, 'uncaught exception');
    if (!hasCode(err, 'EPIPE', 'ECONNRESET', 'ECONNABORTED')) process.exit(70);
  });
}

function reload(daemon: Daemon, argv: readonly string[], limits: Limits, logger: DaemonLogger): void {
  try {
    notify('RELOADING=1', logger);
    const next = loadConfig(parseFlags(argv));
    daemon.reload(next.config);
    limits.shutdownTimeoutSec = next.config.shutdownTimeout;
    logger.setLevel(logLevel(next));
    logger.info({ configFile: next.configFile }, 'Reloaded the configuration');
  } catch (err) {
    logger.error({ err }, 'could not reload the configuration; the old one stays');
  }
  notify('READY=1', logger);
}

function notify(state: string, logger: DaemonLogger): void {
  try {
    sdNotify(state);
  } catch (err) {
    logger.warn({ err, state }, 'could not tell the service manager');
  }
}
