import type { ApiRequest } from '../http/route.js';

/** The id, name or id prefix in a route's path. */
export function pathId(request: Pick<ApiRequest, 'params'>): string {
  return request.params['id'] ?? '';
}
