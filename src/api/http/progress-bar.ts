import { humanSize } from '../../shared/byte-size.js';

/**
 * The `progress` text of a progress message: `[=====>     ]  32.77kB/1.987MB`; '' when there is nothing to show. Old
 * clients print it as it is.
 */
export function progressBar(current: number, total: number): string {
  if (current <= 0 && total <= 0) return '';
  if (total <= 0) return humanSize(current).padStart(8);
  const filled = Math.min(50, Math.max(0, Math.trunc(Math.trunc((current / total) * 100) / 2)));
  const numbers = humanSize(current).padStart(8) + (current > total ? '' : `/${humanSize(total)}`);
  return `[${'='.repeat(filled)}>${' '.repeat(50 - filled)}] ${numbers}`;
}
