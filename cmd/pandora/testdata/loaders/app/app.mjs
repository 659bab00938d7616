import { readFile } from 'node:fs/promises';
import { processName } from 'pandora';

const text = await readFile(new URL(import.meta.url), 'utf8');
console.log(`> ${processName} ${text.startsWith('import')} ${process.argv[1]}`);
