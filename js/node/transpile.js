'use strict';

// Lets require() load TypeScript, and ES modules on a Node whose require() does not take them: the pandora program
// makes CommonJS of a file, with a source map, so that stack traces show the user's lines.

const { createHash } = require('node:crypto');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { TYPESCRIPT, requiresModules, isFile, isModuleFile, needsImport } = require('./languages');

/** @typedef {import('./languages').Transformer} Transformer */

/** More files than these are not kept; the oldest go first. */
const MAX_KEPT = 2000;
/** The largest code that is taken from the program. */
const MAX_CODE = 256 * 1024 * 1024;
/** How long the program may take for one file. */
const PATIENCE_MS = 30000;
/** Longest chain of tsconfig.json files that is followed. */
const MAX_CONFIGS = 20;
/** What V8 says of an ES module that is compiled as CommonJS. */
const MODULE_SYNTAX = /Cannot use import statement|Cannot use 'import\.meta'|Unexpected token 'export'/;

const extensions = /** @type {Record<string, (module: any, file: string) => void>} */ (/** @type {any} */ (Module)._extensions);

let installed = false;

/**
 * The files with TypeScript's options that say what code in a folder means, in a form that changes when they do.
 * @param {string} dir
 * @returns {string}
 */
function configuration(dir) {
  for (let at = dir; ; at = path.dirname(at)) {
    if (isFile(path.join(at, 'tsconfig.json'))) return configurationOf(path.join(at, 'tsconfig.json'), 0);
    if (at === path.dirname(at)) return '';
  }
}

/**
 * @param {string} file a tsconfig.json
 * @param {number} depth
 * @returns {string} its content and that of those it extends
 */
function configurationOf(file, depth) {
  let text;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
  if (depth > MAX_CONFIGS) return text;
  const extended = /"extends"\s*:\s*(\[[^\]]*\]|"[^"]*")/.exec(text);
  const names = extended ? extended[1].match(/"[^"]*"/g) ?? [] : [];
  const require = Module.createRequire(file);
  return names.reduce((all, quoted) => {
    const name = quoted.slice(1, -1);
    for (const candidate of [name, `${name}.json`, `${name}/tsconfig.json`]) {
      try {
        return all + configurationOf(require.resolve(candidate), depth + 1);
      } catch {
        // the next one
      }
    }
    return all;
  }, text);
}

/** @type {Map<string, string>} */
const configurations = new Map();

/**
 * The name under which the outcome is kept: it changes with everything that the outcome depends on.
 * @param {Transformer} transformer
 * @param {string} file
 * @param {string} source
 * @returns {string}
 */
function keyOf(transformer, file, source) {
  const dir = path.dirname(file);
  let config = '';
  if (TYPESCRIPT.includes(path.extname(file))) {
    config = configurations.get(dir) ?? configuration(dir);
    configurations.set(dir, config);
  }
  const { mtimeMs, size } = fs.statSync(transformer.command);
  return createHash('sha256').update(JSON.stringify([transformer.command, mtimeMs, size, file, config, source])).digest('hex');
}

/**
 * Keeps an outcome; whoever reads it at the same time sees all of it or nothing.
 * @param {string} dir
 * @param {string} name
 * @param {string} code
 */
function keep(dir, name, code) {
  try {
    fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
    const fresh = path.join(dir, `.${name}.${process.pid}`);
    fs.writeFileSync(fresh, code, { mode: 0o600 });
    fs.renameSync(fresh, path.join(dir, name));
    const names = fs.readdirSync(dir);
    if (names.length <= MAX_KEPT) return;
    const aged = names.map((each) => ({ each, at: fs.statSync(path.join(dir, each)).mtimeMs })).sort((a, b) => a.at - b.at);
    for (const { each } of aged.slice(0, names.length - MAX_KEPT / 2)) fs.rmSync(path.join(dir, each), { force: true });
  } catch {
    // A full disk or somebody else's cleaning: it is transformed again next time.
  }
}

/**
 * An error that reads as V8's own do, with the place first.
 * @param {string} file
 * @param {string} source
 * @param {any} found what the program says: kind, message, file, line, column
 * @returns {Error}
 */
function failure(file, source, found) {
  if (found.kind === 'unsupported') {
    const message = 'a top-level await in TypeScript needs Node 22.18 or newer, and has no place in a procfile and what it requires';
    return Object.assign(new Error(message), { code: 'PANDORA_TOP_LEVEL_AWAIT', stack: `Error: ${message}\n    at ${file}:1:1` });
  }
  const { line, column } = found;
  const at = found.file || file;
  const error = new SyntaxError(String(found.message).replace(/^SyntaxError: /, ''));
  let place = at;
  if (line > 0 && at === file) {
    place += `:${line}\n${source.split(/\r?\n/)[line - 1] ?? ''}\n${' '.repeat(Math.max(column - 1, 0))}^\n`;
  }
  error.stack = `${place}\nSyntaxError: ${error.message}\n    at ${at}:${line || 1}:${column || 1}`;
  return error;
}

/**
 * @param {Transformer} transformer
 * @param {string} file
 * @param {string} source
 * @returns {string} CommonJS
 */
function transform(transformer, file, source) {
  const child = spawnSync(transformer.command, ['transform', file], {
    input: source, env: {}, maxBuffer: MAX_CODE, timeout: PATIENCE_MS, killSignal: 'SIGKILL',
  });
  if (child.status === 0) return child.stdout.toString('utf8');
  let found;
  try {
    found = JSON.parse(child.stderr.toString('utf8'));
  } catch {
    const why = child.error ? child.error.message : `${child.stderr}`.trim() || `it ended with ${child.signal ?? child.status}`;
    throw Object.assign(new Error(`transform ${file} with ${transformer.command}: ${why}`), { code: 'PANDORA_TRANSFORM' });
  }
  throw failure(file, source, found);
}

/**
 * @param {Transformer} transformer
 * @param {string} file
 * @returns {string} CommonJS, from what was kept if nothing has changed
 */
function codeOf(transformer, file) {
  const source = fs.readFileSync(file, 'utf8');
  if (!transformer.cache) return transform(transformer, file, source);
  let name;
  try {
    name = `${keyOf(transformer, file, source)}.js`;
    return fs.readFileSync(path.join(transformer.cache, name), 'utf8');
  } catch {
    // Not kept yet.
  }
  const code = transform(transformer, file, source);
  if (name !== undefined) keep(transformer.cache, name, code);
  return code;
}

/**
 * TypeScript's way to write './a.js' for what is still './a.ts'.
 * @param {string} file that requires
 * @param {string} request
 * @returns {string}
 */
function withTypeScript(file, request) {
  const written = /^(\.{1,2}\/.*)\.([mc]?)js$/.exec(request);
  if (written === null || isFile(path.resolve(path.dirname(file), request))) return request;
  const other = `${written[1]}.${written[2]}ts`;
  return isFile(path.resolve(path.dirname(file), other)) ? other : request;
}

/**
 * Registers the extensions that nobody has registered yet: who brings a loader of their own keeps it.
 * @param {Transformer} transformer
 */
function install(transformer) {
  if (installed) return;
  installed = true;
  /** @param {any} module @param {string} file */
  const compile = (module, file) => {
    const code = codeOf(transformer, file);
    // For errors whose stack is asked for from now on; before the code is compiled, so that its map is noted.
    process.setSourceMapsEnabled(true);
    const { require } = module;
    module.require = (/** @type {string} */ request) => require.call(module, withTypeScript(file, request));
    module._compile(code, file, 'commonjs');
  };
  for (const extension of TYPESCRIPT) extensions[extension] ??= compile;
  if (requiresModules()) return;
  extensions['.mjs'] ??= compile;
  const script = extensions['.js'];
  extensions['.js'] = (module, file) => {
    try {
      script(module, file);
    } catch (error) {
      const own = needsImport(error, file) || (error instanceof SyntaxError && MODULE_SYNTAX.test(error.message)
        && String(error.stack).startsWith(`${file}:`) && !isModuleFile(file));
      if (!own) throw error;
      compile(module, file);
    }
  };
}

module.exports = { install };
