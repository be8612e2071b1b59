import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';

const REFERENCE = fileURLToPath(new URL('../../../shared/reference', import.meta.url));

/** Versions whose OpenAPI file is there. */
export const OPENAPI_VERSIONS = ['1.25', '1.41', '1.43', '1.47', '1.51', '1.55'] as const;
export type OpenApiVersion = (typeof OPENAPI_VERSIONS)[number];

/** Whether the OpenAPI files are there. Says so once where they are not; in CI (`CI=true`) they have to be. */
export function hasOpenApi(): boolean {
  if (existsSync(join(REFERENCE, 'engine-api-v1.55.yaml'))) return true;
  if (process.env.CI === 'true') throw new Error(`the OpenAPI files are missing: ${REFERENCE}`);
  console.warn(`left out: the OpenAPI files are not in ${REFERENCE}`);
  return false;
}

interface Operation {
  responses: Record<string, { schema?: object }>;
}

interface Document {
  definitions: Record<string, object>;
  paths: Record<string, Record<string, Operation>>;
}

const METHODS = ['get', 'head', 'post', 'put', 'delete'];

/** One version of the Engine API, to hold real replies against. */
export class OpenApi {
  private static readonly loaded = new Map<string, OpenApi>();
  private readonly ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  private readonly validators = new Map<string, ValidateFunction | null>();

  private constructor(
    readonly version: OpenApiVersion,
    private readonly document: Document,
  ) {
    const definitions = convert(document.definitions) as object;
    this.ajv.addSchema({ $id: 'api', definitions });
  }

  static load(version: OpenApiVersion): OpenApi {
    let api = this.loaded.get(version);
    if (!api) {
      const text = readFileSync(join(REFERENCE, `engine-api-v${version}.yaml`), 'utf8');
      api = new OpenApi(version, parse(joinQuotedLines(text), { merge: true }) as Document);
      this.loaded.set(version, api);
    }
    return api;
  }

  /** All operations as `GET /containers/json`. */
  get operations(): string[] {
    return Object.entries(this.document.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => method in item).map((method) => `${method.toUpperCase()} ${path}`),
    );
  }

  /**
   * What is wrong with a reply to an operation (`GET`, `/containers/{id}/json`); empty when it is as the file says. A
   * status that the operation does not name is wrong, except the errors that any operation may answer.
   */
  check(method: string, path: string, status: number, body: unknown): string[] {
    const operation = this.document.paths[path]?.[method.toLowerCase()];
    if (!operation) return [`${method} ${path} is not in API ${this.version}`];
    const response =
      operation.responses[String(status)] ?? (status >= 400 ? { schema: errorSchema(this.document) } : null);
    if (!response) return [`${method} ${path} does not answer ${status} in API ${this.version}`];
    if (!response.schema) return [];
    const validate = this.validator(`${method} ${path} ${status}`, response.schema);
    if (validate(body)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath || '/'} ${message ?? ''} ${JSON.stringify(params)}`,
    );
  }

  private validator(key: string, schema: object): ValidateFunction {
    let validate = this.validators.get(key);
    if (!validate) {
      validate = this.ajv.compile(convert(schema) as object);
      this.validators.set(key, validate);
    }
    return validate;
  }
}

/** API 1.25's file breaks quoted texts without indenting the next line, which YAML does not allow. */
function joinQuotedLines(text: string): string {
  return text.replace(/: "[^"\n]+\n[^"]*"/g, (quoted) => quoted.replace(/\s*\n\s*/g, ' '));
}

function errorSchema(document: Document): object {
  return document.definitions.ErrorResponse ? { $ref: '#/definitions/ErrorResponse' } : {};
}

/** Keywords that a JSON schema does not have, or means otherwise. */
const DROPPED = new Set([
  'example',
  'examples',
  'format',
  'discriminator',
  'default',
  'title',
  'description',
  'readOnly',
]);

/**
 * A Swagger 2.0 schema as JSON schema. Lists, maps and structs may be null even where the file does not say so: Go writes
 * nil ones as null, dockerd's replies are full of them, and every client copes.
 */
function convert(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(convert);
  if (typeof schema !== 'object' || schema === null) return schema;
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    const isKeyword = typeof value !== 'object' || key === 'example' || key === 'default';
    if (key.startsWith('x-') || (DROPPED.has(key) && isKeyword)) continue;
    if (key === '$ref') result.$ref = String(value).replace('#/', 'api#/');
    else if (key === 'enum') result.enum = value;
    else result[key] = convert(value);
  }
  const { type } = schema as { type?: unknown };
  const nullable =
    (schema as Record<string, unknown>)['x-nullable'] === true ||
    type === 'array' ||
    Array.isArray(type) ||
    type === 'object' ||
    '$ref' in schema;
  const isSchema = typeof type === 'string' || Array.isArray(type) || '$ref' in schema || 'allOf' in schema;
  return isSchema && nullable ? { anyOf: [result, { type: 'null' }] } : result;
}
