import { internal } from '../../shared/errors.js';

/** What `HostConfig.SecurityOpt` says. null: not said. */
export interface SecurityOptions {
  noNewPrivileges: boolean | null;
  /** `unconfined`, `builtin`, or the JSON of a profile. */
  seccomp: string | null;
  appArmor: string | null;
  labels: string[];
  /** `systempaths=unconfined`: nothing masked or read-only. */
  unconfinedPaths: boolean;
}

/** Throws internal (dockerd answers 500) `invalid --security-opt 1: "x"` for what is not known. */
export function parseSecurityOpt(options: readonly string[]): SecurityOptions {
  const result: SecurityOptions = {
    noNewPrivileges: null,
    seccomp: null,
    appArmor: null,
    labels: [],
    unconfinedPaths: false,
  };
  for (const option of options) apply(result, option);
  return result;
}

function apply(result: SecurityOptions, option: string): void {
  if (option === 'no-new-privileges') {
    result.noNewPrivileges = true;
    return;
  }
  if (option === 'disable') {
    result.labels.push('disable');
    return;
  }
  const match = /^([^=:]+)[=:]([\s\S]*)$/.exec(option);
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
    case 'systempaths':
      if (value !== 'unconfined') break;
      result.unconfinedPaths = true;
      return;
    case 'no-new-privileges':
      if (!['true', 'false', '1', '0', 't', 'f'].includes(value.toLowerCase())) break;
      result.noNewPrivileges = ['true', '1', 't'].includes(value.toLowerCase());
      return;
    case 'writable-cgroups':
      return;
  }
  throw internal(`invalid --security-opt 2: "${option}"`);
}
