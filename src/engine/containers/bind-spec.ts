import { posix } from 'node:path';
import { errorMessage, invalid } from '../../shared/errors.js';
import type { MountPropagation } from './container-config.js';
import { checkDestination, cleanDestination } from './mount-spec.js';
import { plainMount, type PlannedMount } from './planned-mount.js';

const PROPAGATION = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];
const CONSISTENCY = ['consistent', 'cached', 'delegated', 'default'];

interface Mode {
  readOnly: boolean;
  propagation: MountPropagation;
  noCopy: boolean;
}

/**
 * One entry of `HostConfig.Binds` (`source:destination[:mode]`, or `destination` alone for an anonymous volume) as a plan.
 * A source that is no absolute path is a volume's name. Throws invalid in dockerd's words (dockerd itself answers 500, though the client is at fault).
 */
export function planBind(text: string, volumeDriver: string): PlannedMount {
  const parts = text.split(':');
  if (text === '' || parts.length > 3 || parts[0] === '' || parts[1] === '') {
    throw invalid(`invalid volume specification: '${text}'`);
  }
  const [first = '', second, modeText = ''] = parts;
  const destination = second ?? first;
  const source = second === undefined ? '' : first;
  const mode = parseMode(modeText);
  const isBind = posix.isAbsolute(source);
  const fail = (type: string, why: string): Error =>
    invalid(`invalid volume specification: '${text}': invalid mount config for type "${type}": ${why}`);
  try {
    checkDestination(destination);
  } catch (error) {
    throw fail(isBind ? 'bind' : 'volume', errorMessage(error));
  }
  const common = { mode: modeText, readOnly: mode.readOnly };
  if (isBind) {
    if (mode.noCopy) throw fail('bind', 'field VolumeOptions must not be specified');
    return plainMount('bind', cleanDestination(destination), {
      ...common,
      source: cleanDestination(source),
      propagation: mode.propagation,
      createSource: true,
    });
  }
  if (mode.propagation !== '') throw fail('volume', 'field BindOptions must not be specified');
  return plainMount('volume', cleanDestination(destination), {
    ...common,
    name: source,
    driver: volumeDriver,
    mode: modeText === '' ? 'z' : modeText,
    copyUp: !mode.noCopy,
  });
}

/** `volumes-from` knows read-only and labels only, and says `invalid mode` for all else. */
export function parseMode(text: string): Mode {
  const words = text === '' ? [] : text.split(',');
  const invalidMode = invalid(`invalid mode: ${text}`);
  const mode: Mode = { readOnly: false, propagation: '', noCopy: false };
  const seen = new Set<string>();
  for (const word of words) {
    const kind = kindOf(word);
    if (kind === null || seen.has(kind)) throw invalidMode;
    seen.add(kind);
    if (word === 'ro') mode.readOnly = true;
    if (word === 'nocopy') mode.noCopy = true;
    if (kind === 'propagation') mode.propagation = word as MountPropagation;
  }
  return mode;
}

/** Of each kind, one word at most. */
function kindOf(word: string): string | null {
  if (word === 'ro' || word === 'rw') return 'access';
  if (word === 'z' || word === 'Z') return 'label';
  if (word === 'nocopy') return 'copy';
  if (PROPAGATION.includes(word)) return 'propagation';
  return CONSISTENCY.includes(word) ? 'consistency' : null;
}
