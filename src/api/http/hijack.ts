import type { Duplex } from 'node:stream';
import type { ApiRequest } from './route.js';

/**
 * Takes the connection over for raw bytes both ways, for a route with `hijacks: true`. Answers `101 UPGRADED` when the
 * client asked for an upgrade, else a plain `200 OK` without length or chunking. Read the JSON body before. Bytes that
 * arrived behind the request are the first that the stream delivers; the client's half-close is its 'end', and `end()`
 * half-closes towards the client. The caller ends or destroys it. Call it once; the handler then returns null.
 * Errors after it are the caller's to write into the stream.
 */
export declare function hijack(request: ApiRequest, options: { contentType: string }): Promise<Duplex>;

export const RAW_STREAM = 'application/vnd.docker.raw-stream';
export const MULTIPLEXED_STREAM = 'application/vnd.docker.multiplexed-stream';

/** The content type of attach, exec and logs: multiplexed is named since 1.42. */
export declare function streamContentType(request: Pick<ApiRequest, 'version'>, tty: boolean): string;
