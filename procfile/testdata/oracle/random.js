'use strict';

// Compares our reconciler with the original's on procfiles made by chance: `node random.js <folder of pandora@1.11.0>
// <folder of our js> <an empty folder> <seed> <count>`. Only what both know is made, and none of the differences that
// docs/compatibility.md lists. Prints a line of JSON: { compared, defined, different: [{ procfile, theirs, ours }] }.

const fs = require('node:fs');
const path = require('node:path');
const { describe } = require('./describe');

const [, , home, js, appDir, seed, count] = process.argv;
process.env.DEFAULT_WORKER_COUNT = '4';
const { ProcfileReconciler } = require(path.join(home, 'dist/application/ProcfileReconciler.js'));
const { createReconciler } = require(path.join(js, 'shared/reconciler.js'));
const { createHost } = require(path.join(js, 'shared/host.js'));
const { DefaultEnvironment } = require(path.join(js, 'shared/environment.js'));

const file = path.join(appDir, 'procfile.js');
fs.writeFileSync(file, '');

let state = Number(seed);
/** @param {number} n @returns {number} 0 to n-1 */
function random(n) {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return (state >> 8) % n;
}
/** @template T @param {T[]} list @returns {T} */
const pick = (list) => list[random(list.length)];
/** @param {(() => string)[]} makers @returns {string} */
const some = (makers) => Array.from({ length: random(4) }, () => pick(makers)()).join('');

const BUILTIN = ['agent', 'worker', 'background'];
const OWN = ['web', 'api', 'constructor', 'a b'];
const SERVICES = ['a', 'b', 'c', 'logger', 'cluster0', 'cluster1', 'toString'];
const quote = JSON.stringify;

const PROCESS_SETTERS = [
  () => `.scale(${pick(['1', '2', '3', "'auto'", '0', 'null'])})`,
  () => `.env({ ${pick(['A: 1', "B: 'b'", 'C: undefined', 'D: null', 'E: true'])} })`,
  () => `.args([${pick(["'x'", '1', ''])}])`,
  () => `.nodeArgs(${pick(["['--n']", '[]', 'null'])})`,
  () => ".argv(['--o'])",
  () => `.order(${pick(['1', '2', '3', '0', '-1', '1.5'])})`,
];

/** One procfile's body. */
function body() {
  // What is placed on an undefined process after a service on all is a known difference.
  const everywhere = random(3) === 0;
  const categories = everywhere ? [...BUILTIN, 'all', 'weak-all'] : [...BUILTIN, ...OWN, 'weak-all'];
  let fresh = 0;
  const setters = [
    () => `.process(${quote(pick(categories))})`, () => `.config({ x: ${random(3)} })`, () => '.config(() => ({}))',
    () => `.dependency(${pick(["'a'", "['b', 'a']", 'null'])})`, () => `.publish(${pick(['', 'true', 'false'])})`,
  ];
  const reads = ["env().L = 'l'", "args().push('p')", "nodeArgs().push('q')", 'name()', 'scale()', 'order()'];
  const statements = [
    () => `pandora.process(${quote(pick([...BUILTIN, ...OWN]))})${some(PROCESS_SETTERS)}`,
    () => `pandora.process(${quote(pick(OWN))}).entry('./x')${some(PROCESS_SETTERS)}`,
    () => `pandora.fork(${quote(pick([...BUILTIN, ...OWN]))}${pick(['', ", './e'", ", './f'", ', null'])})${some(PROCESS_SETTERS)}`,
    () => `pandora.process(${quote(pick([...BUILTIN, ...OWN]))}).${pick(reads)}`,
    () => `pandora.service(${quote(pick(SERVICES))}${pick(['', ", './s'", ', null', ', K'])})${some(setters)}`,
    () => `pandora.service(${quote(pick(SERVICES))})${some(setters)}`,
    () => `pandora.service(${quote(pick(SERVICES))}).name('fresh${fresh += 1}')`,
    () => `pandora.service(${quote(pick(SERVICES))}).drop()`,
    () => `pandora.cluster('./c')${some(setters)}`,
    () => `pandora.defaultServiceCategory(${pick(['', "'agent'", "'background'"])})`,
    () => `{ const s = pandora.service('a').dependency('b'); s.drop(); ${pick(['', 's.drop();'])} }`,
    ...(everywhere ? [] : [
      () => `pandora.process(${quote(pick([...BUILTIN, ...OWN]))}).drop()`,
      () => `pandora.process(${quote(pick([...BUILTIN, ...OWN]))}).name('fresh${fresh += 1}')`,
    ]),
  ];
  return Array.from({ length: 1 + random(7) }, () => pick(statements)()).join(';\n');
}

/** @param {(pandora: any) => void} procfile */
function theirs(procfile) {
  const reconciler = new ProcfileReconciler({ appName: 'random', appDir });
  const builtins = reconciler.services.slice();
  reconciler.callProcfile(procfile, appDir);
  return describe(reconciler, builtins);
}

/** @param {(pandora: any) => void} procfile */
function ours(procfile) {
  const host = { ...createHost(), requireProcfile: () => procfile };
  const reconciler = createReconciler({ appName: 'random', appDir, workerCount: 4, host, environment: DefaultEnvironment });
  reconciler.discover();
  const { appName, process: processes, definedProcesses, defaultServiceCategory, services } = reconciler.structure();
  return {
    appName, appDir, process: processes.map(({ kind, ...process }) => process), definedProcesses, defaultServiceCategory,
    services: services.map(({ entry, ...service }) => {
      const cluster = /^\.\/c$/.test(entry.path || '');
      return { ...service, entry: { cluster, path: cluster ? '' : entry.path || '' } };
    }),
  };
}

/** @param {(procfile: (pandora: any) => void) => object} compute @param {(pandora: any) => void} procfile */
function outcome(compute, procfile) {
  try {
    return JSON.parse(JSON.stringify(compute(procfile)));
  } catch (error) {
    return { error: error.message };
  }
}

/** @param {any} value @returns {any} with the members of every object in one order */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

console.warn = () => {};
const different = [];
let defined = 0;
for (let n = 0; n < Number(count); n += 1) {
  const source = body();
  const procfile = new Function('pandora', `class K {}\n${source}`);
  const [a, b] = [outcome(theirs, procfile), outcome(ours, procfile)].map(sorted);
  if (!a.error) defined += 1;
  if (JSON.stringify(a) !== JSON.stringify(b)) different.push({ procfile: source, theirs: a, ours: b });
}
different.sort((x, y) => x.procfile.length - y.procfile.length);
fs.writeSync(1, `${JSON.stringify({ compared: Number(count), defined, different: different.slice(0, 5) })}\n`);
process.exit(0);
