'use strict';

// The file system as it can be read. Changes, watching and streams of writes are Node's alone.

const native = require('pandora:binding');
const { refuse } = require('pandora:loader');
const pathModule = require('path');
const { invalidArgument, invalidValue, outOfRange, checkFunction } = require('./errors');

const constants = Object.freeze(Object.assign(Object.create(null), require('./numbers').fs));
const bufferOf = (...args) => require('buffer').Buffer.from(...args);

function toPath(path, name = 'path') {
  let text = path;
  if (path instanceof Uint8Array) text = bufferOf(path).toString();
  else if (path && typeof path === 'object' && path.href && path.protocol) text = require('url').fileURLToPath(path);
  if (typeof text !== 'string') throw invalidArgument(name, 'of type string or an instance of Buffer or URL', path);
  if (text.includes('\0')) throw invalidValue(name, path, 'must be a string, Uint8Array, or URL without null bytes');
  return text;
}

function systemError(failed, syscall, path) {
  const error = new Error(`${failed.code}: ${failed.text}, ${syscall}${path === undefined ? '' : ` '${path}'`}`);
  if (failed.errno !== undefined) error.errno = failed.errno;
  error.code = failed.code;
  error.syscall = syscall;
  if (path !== undefined) error.path = path;
  return error;
}

/** Runs one file operation; syscall is the name that Node has in the error. */
function run(operation, syscall, given, argument) {
  const path = toPath(given);
  const value = native.fs(operation, path === '' ? '' : pathModule.resolve(path) + (path.length > 1 && path.endsWith('/') ? '/' : ''), argument);
  if (value && value.failed === true) throw systemError(value, syscall, path);
  return value;
}

const kinds = { 0o040000: 'd', 0o120000: 'l', 0o100000: '-', 0o010000: 'p', 0o140000: 's', 0o020000: 'c', 0o060000: 'b' };
const kindNumbers = { '-': 1, d: 2, l: 3, p: 4, s: 5, c: 6, b: 7 };
const kindTests = { isDirectory: 'd', isFile: '-', isBlockDevice: 'b', isCharacterDevice: 'c', isSymbolicLink: 'l', isFIFO: 'p', isSocket: 's' };
const statNumbers = ['dev', 'mode', 'nlink', 'uid', 'gid', 'rdev', 'blksize', 'ino', 'size', 'blocks'];
const statTimes = ['atime', 'mtime', 'ctime', 'birthtime'];

const method = (name, value) => Object.defineProperty(value, 'name', { value: name });

function StatsBase() {}
/** A plain function: graceful-fs and others call it without new. */
function Stats(...values) {
  [...statNumbers, ...statTimes.map((name) => `${name}Ms`)].forEach((name, i) => { this[name] = values[i]; });
  for (const name of statTimes) this[name] = new Date(Number(this[`${name}Ms`]) + 0.5);
}
Object.setPrototypeOf(Stats.prototype, StatsBase.prototype);
Stats.prototype._checkModeProperty = function (property) { return (Number(this.mode) & constants.S_IFMT) === property; };
function BigIntStats() {}
Object.setPrototypeOf(BigIntStats.prototype, Stats.prototype);

class Dirent {
  #kind;
  constructor(name, path, type) {
    this.name = name;
    this.parentPath = path;
    this.path = path;
    this.#kind = type;
  }
  static {
    for (const [name, kind] of Object.entries(kindTests)) {
      const of = name === 'isFile' ? Stats : StatsBase;
      of.prototype[name] = method(name, function () { return kinds[Number(this.mode) & constants.S_IFMT] === kind; });
      Object.defineProperty(Dirent.prototype, name, { value: method(name, function () { return this.#kind === kindNumbers[kind]; }), writable: true, configurable: true });
    }
  }
}

function makeStats(raw, options) {
  const all = { ...raw, birthtimeMs: raw.ctimeMs };
  if (!options || !options.bigint) return new Stats(...statNumbers.map((name) => raw[name]), raw.atimeMs, raw.mtimeMs, raw.ctimeMs, raw.ctimeMs);
  const stats = new BigIntStats();
  for (const name of [...statNumbers, ...statTimes.map((time) => `${time}Ms`)]) stats[name] = BigInt(Math.floor(all[name]));
  for (const name of statTimes) stats[`${name}Ns`] = BigInt(Math.round(all[`${name}Ms`] * 1e6));
  for (const name of statTimes) stats[name] = new Date(Number(stats[`${name}Ms`]));
  return stats;
}

function stat(operation, path, options) {
  try {
    return makeStats(run(operation, operation, path), options);
  } catch (error) {
    if (options && options.throwIfNoEntry === false && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function encodingOf(options) {
  const encoding = typeof options === 'string' ? options : options && options.encoding;
  if (options !== undefined && options !== null && typeof options !== 'string' && typeof options !== 'object') {
    throw invalidArgument('options', 'of type string or an instance of Object', options);
  }
  if (encoding && encoding !== 'buffer' && !require('buffer').Buffer.isEncoding(encoding)) throw invalidValue('encoding', encoding, 'is invalid encoding');
  return encoding;
}

/** A name in the encoding asked for. */
const named = (name, encoding) => (encoding === 'buffer' ? bufferOf(name) : encoding && !/^utf-?8$/i.test(encoding) ? bufferOf(name).toString(encoding) : name);

function list(path, options, prefix, found) {
  const encoding = encodingOf(options);
  const at = toPath(path);
  for (const [name, kind] of run('readdir', 'scandir', path)) {
    const shown = prefix === '' ? name : `${prefix}/${name}`;
    found.push(options && options.withFileTypes ? new Dirent(named(name, encoding), at, kindNumbers[kind]) : named(shown, encoding));
  }
  if (options && options.recursive) {
    for (const [name, kind] of run('readdir', 'scandir', path)) {
      if (kind === 'd') list(pathModule.join(at, name), options, prefix === '' ? name : `${prefix}/${name}`, found);
    }
  }
  return found;
}

// Descriptors ---------------------------------------------------------------------------------------------------------

/** Open files by number: their whole content, read at once, and how far it has been read. */
const open = new Map();
let nextDescriptor = 20;

function descriptor(fd) {
  if (typeof fd !== 'number') throw invalidArgument('fd', 'of type number', fd);
  if (!Number.isInteger(fd) || fd < 0 || fd > 2147483647) throw outOfRange('fd', '>= 0 && <= 2147483647', fd);
  return open.get(fd);
}

const badDescriptor = (syscall) => systemError({ code: 'EBADF', errno: -9, text: 'bad file descriptor' }, syscall);

function openSync(path, flags = 'r', mode = undefined) {
  const at = toPath(path);
  const reading = flags === 'r' || flags === 'rs' || flags === 'sr' || (typeof flags === 'number' && (flags & (constants.O_WRONLY | constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC)) === 0);
  if (!reading) refuse(`fs.open for writing (${String(flags)}${mode === undefined ? '' : `, ${mode}`})`);
  const raw = run('stat', 'open', path);
  run('access', 'open', path, constants.R_OK);
  nextDescriptor += 1;
  open.set(nextDescriptor, { path: at, raw, bytes: undefined, position: 0 });
  return nextDescriptor;
}

function contentOf(file, syscall) {
  if (file.bytes === undefined) {
    try {
      file.bytes = new Uint8Array(run('readBytes', syscall, file.path));
    } catch (error) {
      throw systemError({ code: error.code, errno: error.errno, text: error.message.replace(/^\w+: (.*), [^,]*$/, '$1') }, 'read');
    }
  }
  return file.bytes;
}

/** Standard input is not the application's while its structure is evaluated. */
const opened = (fd, syscall) => descriptor(fd) ?? (fd <= 2 ? refuse(`fs.${syscall} of descriptor ${fd}`) : (() => { throw badDescriptor(syscall); })());

function readSync(fd, buffer, offsetOrOptions, length, position) {
  const file = opened(fd, 'read');
  if (!ArrayBuffer.isView(buffer)) throw invalidArgument('buffer', 'an instance of Buffer, TypedArray, or DataView', buffer);
  const options = typeof offsetOrOptions === 'object' && offsetOrOptions !== null ? offsetOrOptions : { offset: offsetOrOptions, length, position };
  const offset = options.offset ?? 0;
  const wanted = options.length ?? buffer.byteLength - offset;
  if (offset < 0 || offset > buffer.byteLength) throw outOfRange('offset', `>= 0 && <= ${buffer.byteLength}`, offset);
  if (wanted < 0 || wanted > buffer.byteLength - offset) throw outOfRange('length', `>= 0 && <= ${buffer.byteLength - offset}`, wanted);
  const given = options.position === undefined || options.position === null || options.position === -1 ? undefined : Number(options.position);
  const from = given ?? file.position;
  const part = contentOf(file, 'read').subarray(from, from + wanted);
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength).set(part, offset);
  if (given === undefined) file.position += part.length;
  return part.length;
}

function closeSync(fd) {
  if (descriptor(fd) === undefined && fd > 2) throw badDescriptor('close');
  open.delete(fd);
}

// The reading functions; each also has a callback and a promise form --------------------------------------------------

const asText = (encoding) => /^utf-?8$/i.test(encoding || '');

function readFile(path, options) {
  const encoding = encodingOf(options);
  if (typeof path === 'number') {
    const file = opened(path, 'readFile');
    const bytes = contentOf(file, 'read').slice(file.position);
    file.position += bytes.length;
    return encoding && encoding !== 'buffer' ? bufferOf(bytes).toString(encoding) : bufferOf(bytes);
  }
  try {
    if (asText(encoding)) return run('readText', 'open', path);
    const buffer = bufferOf(run('readBytes', 'open', path));
    return encoding && encoding !== 'buffer' ? buffer.toString(encoding) : buffer;
  } catch (error) {
    if (error.code !== 'EISDIR') throw error;
    throw systemError({ code: 'EISDIR', errno: -21, text: 'illegal operation on a directory' }, 'read');
  }
}

const reading = {
  access(path, mode = 0) { run('access', 'access', path, mode); },
  stat: (path, options) => stat('stat', path, options),
  lstat: (path, options) => stat('lstat', path, options),
  readFile,
  readdir: (path, options) => list(path, options, '', []),
  realpath: (path, options) => named(run('realpath', 'lstat', pathModule.resolve(toPath(path))), encodingOf(options)),
  readlink: (path, options) => named(run('readlink', 'readlink', path), encodingOf(options)),
  opendir: (path) => {
    try {
      return new Dir(path);
    } catch (error) {
      throw error.syscall ? systemError({ code: error.code, errno: error.errno, text: error.message.replace(/^\w+: (.*), scandir .*$/, '$1') }, 'opendir') : error;
    }
  },
};

const byDescriptor = {
  open: openSync,
  close: closeSync,
  read: readSync,
  fstat: (fd, options) => makeStats(opened(fd, 'fstat').raw, options),
  readv: (fd, buffers, position) => buffers.reduce((total, buffer) => total + readSync(fd, buffer, 0, buffer.byteLength, typeof position === 'number' ? position + total : undefined), 0),
};

class Dir {
  #entries;
  #path;
  constructor(path) {
    this.#path = toPath(path);
    this.#entries = list(path, { withFileTypes: true }, '', []);
  }
  get path() { return this.#path; }
  readSync() { return this.#entries.shift() ?? null; }
  async read() { return this.readSync(); }
  closeSync() {}
  async close() {}
  entries() { return refuse('iterating over fs.Dir'); }
}
Object.defineProperty(Dir.prototype, Symbol.asyncIterator, { value: Dir.prototype.entries, configurable: true, writable: true });

function existsSync(path) {
  try {
    run('access', 'access', path, 0);
    return true;
  } catch (error) {
    if (error.code === 'PANDORA_UNSUPPORTED') throw error;
    return false;
  }
}

/** Callbacks and promises settle after the evaluation, which is to say never: the work is done, the answer is not. */
function callbackForm(name, work) {
  const form = function (...args) {
    const last = args[args.length - 1];
    checkFunction(typeof last === 'function' ? last : undefined, 'cb');
    try {
      if (work) work(...args.slice(0, -1));
    } catch (error) {
      if (error.syscall === undefined) throw error;
    }
  };
  return Object.defineProperty(form, 'name', { value: name });
}
const promiseForm = (name, work) => Object.defineProperty(async (...args) => work(...args), 'name', { value: name });

const fs = {};
const promises = { constants };
const refused = [
  'appendFile', 'chown', 'chmod', 'copyFile', 'cp', 'fchown', 'fchmod', 'fdatasync', 'fsync', 'ftruncate', 'futimes', 'lchown', 'lchmod', 'link',
  'lutimes', 'mkdir', 'mkdtemp', 'rename', 'rm', 'rmdir', 'statfs', 'symlink', 'truncate', 'unlink', 'utimes', 'writeFile', 'write', 'writev',
];
for (const name of refused) {
  fs[name] = { [name]() { return refuse(`fs.${name}`); } }[name];
  fs[`${name}Sync`] = { [`${name}Sync`]() { return refuse(`fs.${name}Sync`); } }[`${name}Sync`];
  if (!/^(f[a-z]|write$|writev)/.test(name)) promises[name] = { async [name]() { return refuse(`fs.promises.${name}`); } }[name];
}
for (const [name, work] of Object.entries({ ...reading, ...byDescriptor })) {
  fs[`${name}Sync`] = Object.defineProperty(work, 'name', { value: `${name}Sync` });
  fs[name] = callbackForm(name, work);
}
for (const [name, work] of Object.entries(reading)) promises[name] = promiseForm(name, work);
promises.open = promiseForm('open', (path, flags, mode) => ({ fd: openSync(path, flags, mode) }));
promises.watch = function watch() { return refuse('fs.promises.watch'); };
fs.existsSync = existsSync;
fs.exists = callbackForm('exists');
fs.exists[Symbol.for('nodejs.util.promisify.custom')] = async (path) => existsSync(path);
fs.realpathSync.native = (path, options) => named(run('realpath', 'realpath', path), encodingOf(options));
fs.realpath.native = callbackForm('native', reading.realpath);
for (const name of ['watch', 'watchFile', 'createWriteStream', 'openAsBlob']) fs[name] = { [name]() { return refuse(`fs.${name}`); } }[name];
fs.unwatchFile = function unwatchFile() {};
fs._toUnixTimestamp = (time) => (typeof time === 'number' ? time : time instanceof Date ? time.getTime() / 1000 : Number(time));

// Streams -------------------------------------------------------------------------------------------------------------

let streams;
function streamClasses() {
  if (streams) return streams;
  const { Readable, Writable } = require('stream');
  function ReadStream(path, options) {
    if (!(this instanceof ReadStream)) return new ReadStream(path, options);
    const given = typeof options === 'string' ? { encoding: options } : { ...options };
    Readable.call(this, { highWaterMark: 65536, ...given });
    this.fd = given.fd ?? null;
    this.path = this.fd === null ? toPath(path) : undefined;
    Object.assign(this, { flags: given.flags ?? 'r', mode: given.mode ?? 0o666, start: given.start, end: given.end ?? Infinity, pos: given.start, bytesRead: 0 });
    return undefined;
  }
  Object.setPrototypeOf(ReadStream.prototype, Readable.prototype);
  Object.setPrototypeOf(ReadStream, Readable);
  // What is read arrives in a later turn.
  ReadStream.prototype._read = function () {};
  ReadStream.prototype.open = function () {};
  ReadStream.prototype.close = function () { this.destroy(); };
  function WriteStream() { return refuse('fs.WriteStream'); }
  Object.setPrototypeOf(WriteStream.prototype, Writable.prototype);
  Object.setPrototypeOf(WriteStream, Writable);
  WriteStream.prototype.open = function () {};
  WriteStream.prototype.close = function () { this.destroy(); };
  streams = { ReadStream, WriteStream };
  return streams;
}
for (const [name, key] of [['ReadStream', 'ReadStream'], ['WriteStream', 'WriteStream'], ['FileReadStream', 'ReadStream'], ['FileWriteStream', 'WriteStream']]) {
  let own;
  Object.defineProperty(fs, name, { configurable: true, enumerable: true, get: () => own ?? streamClasses()[key], set(value) { own = value; } });
}
fs.createReadStream = function createReadStream(path, options) { return new fs.ReadStream(path, options); };

Object.assign(fs, { Dirent, Stats, Dir });
for (const name of ['F_OK', 'R_OK', 'W_OK', 'X_OK']) Object.defineProperty(fs, name, { value: constants[name], enumerable: true });
Object.defineProperty(fs, 'constants', { value: constants, enumerable: true });
Object.defineProperty(fs, 'promises', { configurable: true, enumerable: true, get: () => promises });

module.exports = fs;
