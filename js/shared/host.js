'use strict';

// What the reconciler needs of its engine: files and modules. Goja and Node have the same functions for both, except
// that Goja's loader can tell which classes a procfile merely hands over; it is asked through 'pandora:engine'.

const path = require('path');
const Module = require('module');

/**
 * @typedef {object} Host
 * @property {(appDir: string) => string[]} procfiles the existing procfiles of an application folder, in order
 * @property {(file: string) => string} baseDirOf the folder that relative entries of a procfile start from
 * @property {(file: string) => any} requireProcfile
 * @property {(baseDir: string | null, request: string) => any} requireFrom
 * @property {(baseDir: string | null, request: string) => boolean} resolvable
 * @property {(value: any, except: string[]) => boolean} isExported whether a loaded module exports the value
 * @property {(file: string) => string} source '' when not readable
 * @property {(file: string) => string} textOf what runs of a procfile that was loaded: its source, or what was made of it
 * @property {(file: string) => string} dirname
 * @property {(baseDir: string | null, request: string) => string} nameOfPath
 * @property {() => Place | null} [place] the innermost place in the user's code
 * @property {(error: Error, place: Place) => void} [locate] lets an error be reported at a place
 */

/**
 * @typedef {{file: string, line: number, column: number}} Place in the user's source; line and column count from 1
 */

/** Procfiles in the order they are applied: the names of the original, and then ours. A framework supplies those in .bin. */
const PLACES = ['node_modules/.bin/', ''].flatMap((folder) => ['js', 'ts', 'cjs', 'mjs', 'cts', 'mts']
  .map((extension) => `${folder}procfile.${extension}`));

/** Goja parses its fs only when something of it is needed that its engine does not offer itself. */
const files = () => require('fs');

/**
 * @returns {{requireProcfile: (file: string) => any, place: () => Place | null,
 *   locate: (error: Error, file: string, line: number, column: number) => void, isFile: (file: string) => boolean | null,
 *   isLink: (file: string) => boolean | null, texts: Record<string, string | undefined>} | null} what Goja has of its own; null where it cannot look at a file
 */
function ownEngine() {
  try {
    // Not a literal argument: no such module is installed anywhere, and type checks should not look for it.
    const name = 'pandora:engine';
    return require(name);
  } catch {
    return null;
  }
}

/** A line of a stack of V8: "at name (file:line:column)" or "at file:line:column". */
const FRAME = /^\s+at (?:.*\()?(file:\/\/)?(\/.*):(\d+):(\d+)\)?$/;

/** Frames between a call in a procfile and the question where it was made, with some to spare. */
const DEPTH = 16;

/**
 * The innermost place in the user's code by V8's stack. Its text is read, and not its call sites, because only the text
 * is led back to the source of what was compiled, be it by Node or by a loader such as ts-node.
 * @returns {Place | null}
 */
function placeOfStack() {
  const own = path.dirname(__dirname) + path.sep;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = DEPTH;
  const { stack } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  if (typeof stack !== 'string') return null;
  for (const text of stack.split('\n')) {
    const match = FRAME.exec(text);
    if (match === null) continue;
    const file = match[1] ? decodeURIComponent(match[2]) : match[2];
    if (!file.startsWith(own)) return { file, line: Number(match[3]), column: Number(match[4]) };
  }
  return null;
}

/**
 * The place of the name that is assigned to, or called by ?.(, for which V8 says where the = or the parenthesis is.
 * @param {Place | null} place @param {(file: string) => string} source
 * @returns {Place | null}
 */
function namedPlace(place, source) {
  if (place === null) return null;
  const line = source(place.file).split('\n', place.line)[place.line - 1] || '';
  const name = /[=(]/.test(line[place.column - 1] || '') && /[\w$]+\s*(\?\.)?$/.exec(line.slice(0, place.column - 1));
  return name ? { ...place, column: name.index + 1 } : place;
}

/**
 * Writes the place into the error's stack, where the evaluating command reads it.
 * @param {Error} error @param {Place} place
 */
function locateByStack(error, { file, line, column }) {
  const stack = `${error.name}: ${error.message}\n    at ${file}:${line}:${column}`;
  Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true });
}

/**
 * @param {string} file
 * @returns {boolean}
 */
function isFile(file) {
  try {
    return files().statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch {
    return false;
  }
}

/** @param {string} file @returns {boolean} */
const isLink = (file) => files().lstatSync(file).isSymbolicLink();

/**
 * Follows a symbolic link to a file, but not links among its folders: the folder stays as the user named it.
 * @param {string} file
 * @param {(file: string) => boolean} link
 * @returns {string}
 */
function followFile(file, link) {
  let at = file;
  for (let links = 0; links < 40 && link(at); links += 1) {
    at = path.resolve(path.dirname(at), files().readlinkSync(at));
  }
  return at;
}

/**
 * @param {string | null} baseDir
 * @param {string} request
 */
function requirer(baseDir, request) {
  if (baseDir === null) {
    throw Object.assign(
      new Error(`cannot resolve '${request}': it was not given while a procfile ran; use an absolute path`),
      { code: 'PANDORA_ENTRY' });
  }
  return Module.createRequire(path.join(baseDir, 'procfile.js'));
}

/**
 * @param {any} exported
 * @param {any} value
 * @returns {boolean} whether value is exported itself or one of its plain members; runs no getter
 */
function exportsValue(exported, value) {
  if (exported === value) return true;
  if ((typeof exported !== 'object' && typeof exported !== 'function') || exported === null) return false;
  try {
    return Object.values(Object.getOwnPropertyDescriptors(exported))
      .some((property) => property !== undefined && property.value === value);
  } catch {
    return false; // an exotic object that does not say what it holds
  }
}

/**
 * @param {string} appDir
 * @returns {string[]} every place where a procfile may be. Each is not joined by itself: in a worker's start that is much
 */
function procfilePlaces(appDir) {
  const folder = path.join(appDir, '_').slice(0, -1);
  return PLACES.map((place) => folder + place);
}

/**
 * @param {ReturnType<typeof ownEngine>} [engine] null: it has nothing of its own
 * @returns {Host}
 */
function createHost(engine = ownEngine()) {
  /** @type {Map<string, string>} */
  const sources = new Map();
  /** @param {string} file */
  const source = (file) => {
    let text = sources.get(file);
    if (text === undefined) {
      try {
        text = files().readFileSync(file, 'utf8');
      } catch {
        text = '';
      }
      sources.set(file, text);
    }
    return text;
  };
  return {
    procfiles: (appDir) => procfilePlaces(appDir).filter(engine ? engine.isFile : isFile),
    baseDirOf: (file) => path.dirname(followFile(file, (at) => (engine && engine.isLink(at)) ?? isLink(at))),
    requireProcfile: (file) => (engine ? engine.requireProcfile(file) : Module.createRequire(file)(file)),
    requireFrom: (baseDir, request) => requirer(baseDir, request)(request),
    resolvable(baseDir, request) {
      if (Module.builtinModules.includes(request.replace(/^node:/, ''))) return false;
      try {
        requirer(baseDir, request).resolve(request);
        return true;
      } catch {
        return false;
      }
    },
    isExported(value, except) {
      const cache = Module.createRequire(path.join(path.sep, 'procfile.js')).cache;
      const skip = new Set(except.map((file) => files().realpathSync(file)));
      return Object.keys(cache).some((file) => {
        const module = cache[file];
        return module !== undefined && !skip.has(file) && exportsValue(module.exports, value);
      });
    },
    source,
    textOf: (file) => engine?.texts[file] ?? source(file),
    dirname: (file) => path.dirname(file),
    nameOfPath: (baseDir, request) => path.parse(path.resolve(baseDir === null ? path.sep : baseDir, request)).name,
    place: engine ? engine.place : () => namedPlace(placeOfStack(), source),
    locate: engine ? (error, { file, line, column }) => engine.locate(error, file, line, column) : locateByStack,
  };
}

module.exports = { createHost };
