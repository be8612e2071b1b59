import { invalid } from '../../shared/errors.js';

/** A `platform` parameter that is the JSON of an OCI platform, as `os/arch[/variant]`; '' when absent. Throws invalid. */
export function platformJson(value: string): string {
  const text = value.trimStart();
  if (text === '' || text.startsWith('{')) return platformText(value);
  throw invalid(`failed to parse platform: invalid character '${text[0]}' looking for beginning of value`);
}

/**
 * A `platform` parameter in either of its forms, `linux/arm64/v8` or the JSON of an OCI platform, as `os/arch[/variant]`;
 * '' when absent. Throws invalid on JSON that is no platform.
 */
export function platformText(value: string): string {
  if (!value.trimStart().startsWith('{')) return value;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch (error) {
    throw invalid('failed to parse platform', error);
  }
  const { os, architecture, variant } = parsed as Record<string, unknown>;
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === '' || architecture === '') {
    throw invalid('both OS and Architecture must be provided');
  }
  return [os, architecture, variant].filter((part) => typeof part === 'string' && part !== '').join('/');
}
