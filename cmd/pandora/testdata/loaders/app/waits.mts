import { processName } from 'pandora';
import { Colour } from './colour.mjs';

const value: string = await Promise.resolve(Colour.Red);
console.log(`> ${processName} ${value} ${import.meta.url.replace(/^.*\//, '')}`);
