'use strict';

// What `import` gets: a module that names the exports of the CommonJS one, so that `import { getProxy } from 'pandora'`
// works. What belongs to the process is a live binding, because the module may be imported before there is a context.

const { fileURLToPath } = require('node:url');
const { ANSWERS, fileOf, found } = require('./hook');

/** Names in a declaration of export that would be syntax there. */
const NAME = /^[A-Za-z_$][\w$]*$/;

/**
 * @param {string} file
 * @returns {string} a URL that holds the module's source
 */
function moduleFor(file) {
  const all = require(file);
  const names = Object.keys(all).filter((name) => NAME.test(name) && name !== 'default');
  const members = Object.keys(all.facade ?? {});
  const source = [
    "import { createRequire } from 'node:module';",
    `const require = createRequire(${JSON.stringify(file)});`,
    `const all = require(${JSON.stringify(file)});`,
    'export default all;',
    `export let { ${names.join(', ')} } = all;`,
    members.length > 0 && `require('./current').whenKnown(() => { ({ ${members.join(', ')} } = all.facade); });`,
  ].filter(Boolean).join('\n');
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

/**
 * The installed package, told of the process by whoever loads it: the thread of the loader is not the worker's.
 * @param {string} adopt a file, seen from this folder
 * @param {string} url of the package
 * @returns {string} the URL of what is to be imported
 */
function adopting(adopt, url) {
  const source = [
    "import { createRequire } from 'node:module';",
    `import all from ${JSON.stringify(url)};`,
    `export * from ${JSON.stringify(url)};`,
    `createRequire(${JSON.stringify(__filename)})(${JSON.stringify(adopt)}).adopt(all);`,
    'export default all;',
  ].join('\n');
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

/** @type {Map<string, string>} */
const made = new Map();

/**
 * @param {string} request a name in ANSWERS
 * @returns {{url: string, format: string, shortCircuit: true}}
 */
function ours(request) {
  const file = fileOf(/** @type {any} */ (ANSWERS.get(request)));
  let url = made.get(file);
  if (url === undefined) {
    url = moduleFor(file);
    made.set(file, url);
  }
  return { url, format: 'module', shortCircuit: true };
}

/**
 * The hook where next answers at once.
 * @param {string} request a name in ANSWERS
 * @param {any} context
 * @param {(request: string, context: any) => any} next
 * @returns {any}
 */
function resolve(request, context, next) {
  const answer = /** @type {any} */ (ANSWERS.get(request));
  if (answer.always || answer.home) return ours(request);
  let resolved;
  try {
    resolved = next(request, context);
  } catch (error) {
    if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return ours(request);
  }
  if (!resolved.url.startsWith('file:')) return resolved;
  const file = fileURLToPath(resolved.url);
  return found(answer, file) === file ? resolved : ours(request);
}

module.exports = { adopting, ours, resolve };
