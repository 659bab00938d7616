'use strict';

// The synchronous forms really run the command, bounded by the time of the evaluation, because procfiles ask git for a
// revision. The asynchronous ones would only answer after the evaluation: their use is for Node to decide.

const native = require('pandora:binding');
const build = require('./shape');
const { Buffer } = require('buffer');
const { inspect } = require('./inspect');

const MAX_BUFFER = 1024 * 1024;

const typeError = (code, message) => Object.assign(new TypeError(message), { code });
const shown = (value) => {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') return value.constructor && value.constructor.name ? `an instance of ${value.constructor.name}` : inspect(value);
  return `type ${typeof value} (${inspect(value)})`;
};

function checkText(value, name) {
  if (typeof value !== 'string') throw typeError('ERR_INVALID_ARG_TYPE', `The "${name}" argument must be of type string. Received ${shown(value)}`);
  if (value.includes('\0')) throw typeError('ERR_INVALID_ARG_VALUE', `The argument '${name}' must be a string without null bytes. Received ${inspect(value)}`);
}

function signalNumber(signal) {
  const { signals } = require('os').constants;
  if (signal === undefined || signal === null || signal === 0 || signal === '') return signals.SIGTERM;
  const number = typeof signal === 'number' ? Object.values(signals).find((one) => one === signal) : signals[String(signal).toUpperCase()];
  if (number) return number;
  throw typeError('ERR_UNKNOWN_SIGNAL', `Unknown signal: ${signal}`);
}

/** The kinds of the three standard streams: pipe, ignore or inherit. */
function streams(stdio) {
  const list = typeof stdio === 'string' ? [stdio, stdio, stdio] : stdio || ['pipe', 'pipe', 'pipe'];
  if (!Array.isArray(list) || (typeof stdio === 'string' && !['pipe', 'ignore', 'inherit', 'overlapped'].includes(stdio))) {
    throw typeError('ERR_INVALID_ARG_VALUE', `The argument 'stdio' is invalid. Received ${inspect(stdio)}`);
  }
  if (list.slice(3).some((kind) => kind !== 'ignore' && kind !== null && kind !== undefined)) build.refuse('child_process with more than three streams');
  return [0, 1, 2].map((fd) => {
    const kind = list[fd];
    if (kind === undefined || kind === null || kind === 'pipe' || kind === 'overlapped') return 'pipe';
    if (kind === 'ignore') return 'ignore';
    if (kind === 'inherit' || kind === fd || (kind && kind.fd === fd)) return 'inherit';
    return build.refuse('child_process with the stream of another file');
  });
}

function bounded(options, name, what) {
  const value = options[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && value >= 0 && (what !== 'an unsigned integer' || Number.isInteger(value))) return value;
  if (typeof value !== 'number') throw typeError('ERR_INVALID_ARG_TYPE', `The "${name}" argument must be of type number. Received ${shown(value)}`);
  throw Object.assign(new RangeError(`The value of "${name}" is out of range. It must be ${what}. Received ${value}`), { code: 'ERR_OUT_OF_RANGE' });
}

function folder(cwd) {
  if (cwd === undefined || cwd === null) return process.cwd();
  const text = typeof cwd === 'string' ? cwd : require('url').fileURLToPath(cwd);
  return require('path').resolve(text);
}

function bytesOf(input) {
  if (input === undefined || input === null) return undefined;
  if (typeof input === 'string') return Buffer.from(input);
  if (ArrayBuffer.isView(input)) return input;
  throw typeError('ERR_INVALID_ARG_TYPE', `The "options.stdio[0]" property must be of type string or an instance of Buffer, TypedArray, or DataView. Received ${shown(input)}`);
}

/** Brings the three forms of the arguments into one. */
function normalize(file, given, more) {
  checkText(file, 'file');
  if (file === '') throw typeError('ERR_INVALID_ARG_VALUE', `The argument 'file' cannot be empty. Received ''`);
  if (given !== undefined && given !== null && typeof given !== 'object') throw typeError('ERR_INVALID_ARG_TYPE', `The "args" argument must be of type object. Received ${shown(given)}`);
  const args = Array.isArray(given) ? given.slice() : [];
  const options = (Array.isArray(given) || given === undefined || given === null ? more : given) || {};
  if (typeof options !== 'object') throw typeError('ERR_INVALID_ARG_TYPE', `The "options" argument must be of type object. Received ${shown(options)}`);
  for (const name of ['uid', 'gid']) if (options[name] !== undefined && options[name] !== null) build.refuse(`child_process with ${name}`);
  if (options.detached) build.refuse('child_process with detached');
  return { file, args, options };
}

function spawnSync(...given) {
  const { file, args, options } = normalize(...given);
  let program = file;
  let argv = [options.argv0 === undefined ? file : String(options.argv0), ...args.map(String)];
  if (options.shell) {
    program = typeof options.shell === 'string' ? options.shell : '/bin/sh';
    argv = [program, '-c', [file, ...args].join(' ')];
  }
  const env = options.env || process.env;
  const names = [];
  for (const name in env) if (env[name] !== undefined) names.push(name);
  const input = bytesOf(options.input);
  const stdio = streams(options.stdio);
  if (input !== undefined) stdio[0] = 'pipe';
  const maxBuffer = bounded(options, 'maxBuffer', 'a positive number');
  if (options.encoding && options.encoding !== 'buffer' && !Buffer.isEncoding(options.encoding)) throw typeError('ERR_UNKNOWN_ENCODING', `Unknown encoding: ${options.encoding}`);
  const ran = native.runCommand({
    file: program, args: argv, dir: folder(options.cwd), input, stdio,
    env: names.map((name) => `${name}=${env[name]}`),
    timeout: bounded(options, 'timeout', 'an unsigned integer') || 0,
    maxBuffer: maxBuffer === undefined ? MAX_BUFFER : maxBuffer,
    killSignal: signalNumber(options.killSignal),
  });
  return result(ran, program, options.shell ? argv.slice(1) : args, options, maxBuffer);
}

function result(ran, program, args, options, maxBuffer) {
  if (ran.code === 'ENOBUFS' && maxBuffer === Infinity) build.refuse('child_process with so much output');
  const decode = (data) => {
    if (data === null) return null;
    const buffer = Buffer.from(data);
    return options.encoding && options.encoding !== 'buffer' ? buffer.toString(options.encoding) : buffer;
  };
  const never = ran.pid === 0;
  const answer = { status: ran.status, signal: ran.signal, output: never ? null : [null, decode(ran.stdout), decode(ran.stderr)], pid: ran.pid };
  answer.stdout = never ? null : answer.output[1];
  answer.stderr = never ? null : answer.output[2];
  if (ran.code === '') return answer;
  const what = `spawnSync ${program}`;
  const error = Object.assign(new Error(`${what} ${ran.code}`), { errno: ran.errno, code: ran.code, syscall: what, path: program, spawnargs: args });
  return { error, ...answer };
}

/** Returns the output of a command that went well, as both exec*Sync do. */
function succeed(ran, what, inherited) {
  if (inherited && ran.stderr) native.write(String(ran.stderr));
  if (ran.error) throw Object.assign(ran.error, ran);
  if (ran.status === 0) return ran.stdout;
  const said = ran.stderr && ran.stderr.length > 0 ? `\n${ran.stderr}` : '';
  throw Object.assign(new Error(`Command failed: ${what}${said}`), ran);
}

function execFileSync(...given) {
  const { file, args, options } = normalize(...given);
  return succeed(spawnSync(file, args, options), [options.argv0 || file, ...args].join(' '), !options.stdio);
}

function execSync(command, options) {
  checkText(command, 'command');
  const all = { ...options };
  all.shell = typeof all.shell === 'string' ? all.shell : true;
  return succeed(spawnSync(command, [], all), command, !all.stdio);
}

module.exports = build('child_process', { exports: { spawnSync, execFileSync, execSync }, constructible: ['ChildProcess'] });
