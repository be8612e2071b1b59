import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Beside the built program, or, seen from this source file, where make leaves it. */
const PLACES = ['./wharf-shim', '../../shim/build/wharf-shim'];

/** Absolute path of wharf-shim. Throws with what to do when it has not been built. */
export function shimBinary(): string {
  const paths = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = paths.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`wharf-shim is at none of ${paths.join(', ')}: run npm run build`);
  return found;
}
