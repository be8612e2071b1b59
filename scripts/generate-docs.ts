// Writes the generated pages of docs/.
import { writeFileSync } from 'node:fs';
import { flagsDocument } from '../src/config/flags-doc.js';

writeFileSync(new URL('../docs/flags.md', import.meta.url), flagsDocument());
