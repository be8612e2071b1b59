/** Tolerant reading of JSON written by others: a field of another type counts as absent. */
export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectField(from: JsonObject, name: string): JsonObject {
  const value = from[name];
  return isObject(value) ? value : {};
}

export function stringField(from: JsonObject, name: string): string {
  const value = from[name];
  return typeof value === 'string' ? value : '';
}

export function numberField(from: JsonObject, name: string): number {
  const value = from[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

export function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** null when absent. */
export function stringsOrNull(from: JsonObject, name: string): string[] | null {
  return Array.isArray(from[name]) ? strings(from[name]) : null;
}

export function stringMap(from: JsonObject, name: string): Record<string, string> {
  const entries = Object.entries(objectField(from, name));
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

export function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
