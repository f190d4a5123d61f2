import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder and its package.json. */
export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
export const pkg = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
