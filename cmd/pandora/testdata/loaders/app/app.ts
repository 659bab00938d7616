import * as fs from 'fs';
import { Colour } from './colour';

const loader: string = (process as any)[Symbol.for('ts-node.register.instance')] ? 'ts-node' : process.execArgv.includes('tsx') ? 'tsx' : 'none';
const { processName } = require('pandora');
const place: string = new Error('here').stack!.split('\n')[1].replace(/^.*\//, '').replace(')', '');
console.log(`> ${processName} ${loader} ${Colour.Red} ${typeof fs.readFileSync} ${place.replace(/:\d+$/, '')}`);
