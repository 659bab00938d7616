'use strict';

const native = require('pandora:binding');
const { refuse, inert } = require('pandora:loader');
const pathModule = require('path');

function toPath(path) {
  if (typeof path === 'string') {
    if (path.includes('\0')) throw Object.assign(new TypeError('The argument \'path\' must be a string without null bytes'), { code: 'ERR_INVALID_ARG_VALUE' });
    return path;
  }
  if (path && path.href && path.protocol === 'file:') return require('url').fileURLToPath(path);
  if (path instanceof Uint8Array) return require('buffer').Buffer.from(path).toString();
  throw Object.assign(new TypeError(`The "path" argument must be of type string or an instance of Buffer or URL. Received ${path}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

/** Runs one file operation; syscall is the name that Node has in the error. */
function run(operation, syscall, path, argument) {
  const given = toPath(path);
  const value = native.fs(operation, pathModule.resolve(given), argument);
  if (value && value.failed === true) {
    throw Object.assign(new Error(`${value.code}: ${value.text}, ${syscall}${syscall === 'read' ? '' : ` '${given}'`}`),
      { errno: value.errno, code: value.code, syscall }, syscall === 'read' ? {} : { path: given });
  }
  return value;
}

const kinds = { 0o040000: 'd', 0o120000: 'l', 0o100000: '-', 0o010000: 'p', 0o140000: 's', 0o020000: 'c', 0o060000: 'b' };

class Kind {
  #kind;
  constructor(kind) { this.#kind = kind; }
  isFile() { return this.#kind === '-'; }
  isDirectory() { return this.#kind === 'd'; }
  isSymbolicLink() { return this.#kind === 'l'; }
  isFIFO() { return this.#kind === 'p'; }
  isSocket() { return this.#kind === 's'; }
  isCharacterDevice() { return this.#kind === 'c'; }
  isBlockDevice() { return this.#kind === 'b'; }
}

class Stats extends Kind {
  constructor(raw) {
    super(kinds[raw.mode & 0o170000]);
    for (const name of ['dev', 'mode', 'nlink', 'uid', 'gid', 'rdev', 'blksize', 'ino', 'size', 'blocks', 'atimeMs', 'mtimeMs', 'ctimeMs']) this[name] = raw[name];
    this.birthtimeMs = raw.ctimeMs;
    for (const name of ['atime', 'mtime', 'ctime', 'birthtime']) this[name] = new Date(this[`${name}Ms`]);
  }
}

class Dirent extends Kind {
  constructor(name, parentPath, kind) {
    super(kind);
    this.name = name;
    this.parentPath = parentPath;
    this.path = parentPath;
  }
}

const encodingOf = (options) => (typeof options === 'string' ? options : options && options.encoding);

function stat(operation, path, options) {
  if (options && options.bigint) refuse(`fs.${operation} with bigint`);
  try {
    return new Stats(run(operation, operation, path));
  } catch (error) {
    if (options && options.throwIfNoEntry === false && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}

function list(path, options, prefix, found) {
  for (const [name, kind] of run('readdir', 'scandir', path)) {
    const shown = prefix === '' ? name : `${prefix}/${name}`;
    found.push(options && options.withFileTypes ? new Dirent(name, toPath(path), kind) : shown);
    if (options && options.recursive && kind === 'd') list(pathModule.join(toPath(path), name), options, shown, found);
  }
  return found;
}

const constants = {
  F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1, COPYFILE_EXCL: 1, O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_EXCL: 128,
  O_TRUNC: 512, O_APPEND: 1024, S_IFMT: 0o170000, S_IFREG: 0o100000, S_IFDIR: 0o040000, S_IFLNK: 0o120000,
};

/** The reading functions; each also has a callback and a promise form. */
const reading = {
  stat: (path, options) => stat('stat', path, options),
  lstat: (path, options) => stat('lstat', path, options),
  readFile(path, options) {
    if (typeof path === 'number') refuse('fs.readFileSync of a file descriptor');
    const encoding = encodingOf(options);
    try {
      if (/^utf-?8$/i.test(encoding || '')) return run('readText', 'open', path);
      const buffer = require('buffer').Buffer.from(run('readBytes', 'open', path));
      return encoding ? buffer.toString(encoding) : buffer;
    } catch (error) {
      if (error.code !== 'EISDIR') throw error;
      throw Object.assign(new Error('EISDIR: illegal operation on a directory, read'), { errno: -21, code: 'EISDIR', syscall: 'read' });
    }
  },
  readdir: (path, options) => list(path, options, '', []),
  realpath: (path) => run('realpath', 'lstat', pathModule.resolve(toPath(path))),
  readlink: (path) => run('readlink', 'readlink', path),
  access(path, mode = 0) {
    run('access', 'access', path, mode);
  },
};

function existsSync(path) {
  try {
    run('access', 'access', path, 0);
    return true;
  } catch {
    return false;
  }
}

/** Callbacks and promises settle after the evaluation, which is to say never: the work is done, the answer is not. */
const callbackForm = (name) => (...args) => {
  if (typeof args[args.length - 1] !== 'function') {
    throw Object.assign(new TypeError('The "cb" argument must be of type function. Received undefined'), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  require('timers').setImmediate(args.pop(), name);
};
const promiseForm = (name) => async (...args) => reading[name](...args);

const fs = {
  constants, existsSync, Stats, Dirent, ...constants,
  exists: callbackForm('exists'),
  promises: { constants },
};
for (const name of Object.keys(reading)) {
  fs[`${name}Sync`] = reading[name];
  fs[name] = callbackForm(name);
  fs.promises[name] = promiseForm(name);
}
fs.realpathSync.native = fs.realpathSync;
fs.realpath.native = fs.realpath;

const refused = [
  'appendFile', 'chmod', 'chown', 'close', 'copyFile', 'cp', 'fchmod', 'fchown', 'fdatasync', 'fstat', 'fsync', 'ftruncate',
  'futimes', 'lchmod', 'lchown', 'link', 'lutimes', 'mkdir', 'mkdtemp', 'open', 'opendir', 'read', 'readv', 'rename', 'rm',
  'rmdir', 'statfs', 'symlink', 'truncate', 'unlink', 'utimes', 'write', 'writeFile', 'writev',
];
for (const name of refused) {
  fs[name] = () => refuse(`fs.${name}`);
  fs[`${name}Sync`] = () => refuse(`fs.${name}Sync`);
  fs.promises[name] = fs[name];
}
for (const name of ['createReadStream', 'createWriteStream', 'watch', 'watchFile', 'unwatchFile', 'ReadStream', 'WriteStream', 'FSWatcher']) {
  Object.defineProperty(fs, name, { configurable: true, enumerable: true, writable: true, value: inert(`fs.${name}`) });
}

module.exports = fs;
