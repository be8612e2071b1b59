import { internal } from '../../shared/errors.js';

/** What `HostConfig.SecurityOpt` says. null: not said. */
export interface SecurityOptions {
  noNewPrivileges: boolean | null;
  /** `unconfined`, `builtin`, or the JSON of a profile. */
  seccomp: string | null;
  appArmor: string | null;
  labels: string[];
  /** Control groups are mounted such that the container can change its own. */
  writableCgroups: boolean;
}

/** Throws internal (dockerd answers 500) `invalid --security-opt 1: "x"` for what is not known. */
export function parseSecurityOpt(options: readonly string[]): SecurityOptions {
  const result: SecurityOptions = {
    noNewPrivileges: null,
    seccomp: null,
    appArmor: null,
    labels: [],
    writableCgroups: false,
  };
  for (const option of options) apply(result, option);
  return result;
}

function apply(result: SecurityOptions, option: string): void {
  if (option === 'no-new-privileges') {
    result.noNewPrivileges = true;
    return;
  }
  if (option === 'writable-cgroups') {
    result.writableCgroups = true;
    return;
  }
  if (option === 'disable') {
    result.labels.push('disable');
    return;
  }
  const match = /^([^=:]*)[=:]([\s\S]*)$/.exec(option);
  if (!match) throw internal(`invalid --security-opt 1: "${option}"`);
  const [, name = '', value = ''] = match;
  switch (name) {
    case 'seccomp':
      result.seccomp = value;
      return;
    case 'apparmor':
      result.appArmor = value;
      return;
    case 'label':
      result.labels.push(value);
      return;
    case 'no-new-privileges':
      if (!isBoolean(value)) break;
      result.noNewPrivileges = isTrue(value);
      return;
    case 'writable-cgroups':
      if (!isBoolean(value)) break;
      result.writableCgroups = isTrue(value);
      return;
  }
  throw internal(`invalid --security-opt 2: "${option}"`);
}

/** As Go's strconv.ParseBool. */
function isBoolean(text: string): boolean {
  return /^([01tTfF]|true|TRUE|True|false|FALSE|False)$/.test(text);
}

function isTrue(text: string): boolean {
  return /^[1tT]/.test(text);
}

/**
 * The options with what dockerd adds: who shares the host's or another container's IPC or the host's processes, or is privileged, is
 * not confined by labels, unless the client says otherwise. Source: replies of dockerd 28.5.
 */
export function withLabelOptions(
  options: readonly string[],
  host: { ipcMode: string; pidMode: string; privileged: boolean },
): readonly string[] {
  if (options.some((option) => option.split('=', 1)[0] === 'label')) return options;
  const isShared = host.ipcMode === 'host' || host.pidMode === 'host' || host.privileged;
  return isShared ? [...options, 'label=disable'] : options;
}
