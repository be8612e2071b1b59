// Writes the generated pages of docs/ from the built program: run `npm run build:ts` first.
import { writeFileSync } from 'node:fs';
import { flagsDocument } from '../dist/config/flags-doc.js';

writeFileSync(new URL('../docs/flags.md', import.meta.url), flagsDocument());
