'use strict';

const native = require('pandora:binding');
const { refuse } = require('pandora:loader');

const facts = native.process();
let cwd = native.dir;
const started = native.now();

const stream = (fd) => ({
  fd,
  isTTY: undefined,
  writable: true,
  columns: undefined,
  write(text) {
    native.write(String(text));
    return true;
  },
  end(text) {
    if (text !== undefined) native.write(String(text));
  },
  on() { return this; },
  once() { return this; },
  off() { return this; },
  emit() { return false; },
  removeListener() { return this; },
});

const stdin = { fd: 0, isTTY: undefined, on() { return this; }, once() { return this; }, resume() { return this; }, pause() { return this; }, unref() { return this; } };

function hrtime(previous) {
  const now = native.now() - started;
  let seconds = Math.floor(now / 1000);
  let nanos = Math.floor((now % 1000) * 1e6);
  if (previous) {
    seconds -= previous[0];
    nanos -= previous[1];
    if (nanos < 0) {
      seconds -= 1;
      nanos += 1e9;
    }
  }
  return [seconds, nanos];
}
hrtime.bigint = () => BigInt(Math.floor((native.now() - started) * 1e6));

const memory = () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 });
memory.rss = () => 0;

/** Listeners are accepted and never called: nothing happens to the process that the code believes it runs in. */
const quiet = {};
for (const name of ['on', 'once', 'off', 'addListener', 'removeListener', 'removeAllListeners', 'prependListener', 'prependOnceListener', 'setMaxListeners']) {
  quiet[name] = function () { return this; };
}

module.exports = Object.assign(Object.create({ ...quiet }), {
  title: 'node',
  version: facts.version,
  versions: Object.freeze(facts.versions),
  arch: facts.arch,
  platform: facts.platform,
  release: { name: 'node' },
  argv: facts.argv,
  argv0: facts.argv[0],
  execArgv: facts.execArgv,
  execPath: facts.execPath,
  env: facts.env,
  pid: facts.pid,
  ppid: facts.ppid,
  exitCode: undefined,
  config: { target_defaults: {}, variables: {} },
  features: { inspector: false, ipv6: true, tls: true },
  allowedNodeEnvironmentFlags: new Set(),
  stdout: stream(1),
  stderr: stream(2),
  stdin,
  connected: false,
  hrtime,
  memoryUsage: memory,
  cwd: () => cwd,
  chdir(dir) {
    require('./errors').checkString(dir, 'directory');
    const path = require('path').resolve(dir);
    if (!require('fs').statSync(path).isDirectory()) throw Object.assign(new Error(`ENOTDIR: not a directory, chdir '${cwd}' -> '${dir}'`), { code: 'ENOTDIR', syscall: 'chdir' });
    cwd = path;
  },
  exit(code) {
    const number = Number(code === undefined ? module.exports.exitCode : code);
    native.exit(Number.isInteger(number) ? number : 0);
  },
  reallyExit: (code) => native.exit(Number(code) || 0),
  abort: () => native.exit(134),
  nextTick(callback) {
    require('./errors').checkFunction(callback, 'callback');
  },
  uptime: () => (native.now() - started) / 1000,
  cpuUsage: () => ({ user: 0, system: 0 }),
  umask: () => 0o22,
  getuid: () => facts.uid,
  getgid: () => facts.gid,
  geteuid: () => facts.euid,
  getegid: () => facts.egid,
  getgroups: () => [facts.gid],
  emitWarning(warning, typeOrOptions, code) {
    const options = typeof typeOrOptions === 'object' && typeOrOptions !== null ? typeOrOptions : { type: typeOrOptions, code };
    const type = typeof options.type === 'string' ? options.type : warning instanceof Error ? warning.name : 'Warning';
    if (typeof warning !== 'string' && !(warning instanceof Error)) throw require('./errors').invalidArgument('warning', 'of type string or an instance of Error', warning);
    if (type === 'DeprecationWarning' && module.exports.noDeprecation) return;
    const mark = typeof options.code === 'string' ? `[${options.code}] ` : '';
    native.write(`(node:${facts.pid}) ${mark}${type}: ${warning instanceof Error ? warning.message : warning}\n`);
  },
  emit: () => false,
  listeners: () => [],
  listenerCount: () => 0,
  eventNames: () => [],
  getMaxListeners: () => 10,
  kill: () => refuse('process.kill'),
  setUncaughtExceptionCaptureCallback() {},
  hasUncaughtExceptionCaptureCallback: () => false,
  binding: (name) => {
    throw new Error(`No such module: ${name}`);
  },
  dlopen: () => refuse('process.dlopen'),
  getBuiltinModule(name) {
    const { isBuiltin } = require('module');
    return typeof name === 'string' && isBuiltin(name) ? require('module')._load(name) : undefined;
  },
  loadEnvFile(path = '.env') {
    const values = require('util').parseEnv(require('fs').readFileSync(path, 'utf8'));
    for (const name of Object.keys(values)) if (!(name in facts.env)) facts.env[name] = values[name];
  },
  resourceUsage: () => ({ userCPUTime: 0, systemCPUTime: 0, maxRSS: 0, sharedMemorySize: 0, unsharedDataSize: 0, unsharedStackSize: 0, minorPageFault: 0, majorPageFault: 0, swappedOut: 0, fsRead: 0, fsWrite: 0, ipcSent: 0, ipcReceived: 0, signalsCount: 0, voluntaryContextSwitches: 0, involuntaryContextSwitches: 0 }),
  constrainedMemory: () => 0,
  availableMemory: () => require('os').freemem(),
  getActiveResourcesInfo: () => [],
  debugPort: 9229,
  domain: null,
  sourceMapsEnabled: false,
  setSourceMapsEnabled() {},
  assert(value, message) {
    if (!value) throw Object.assign(new Error(message || 'assertion error'), { code: 'ERR_ASSERTION' });
  },
  openStdin: () => stdin,
  moduleLoadList: [],
});
for (const name of ['setuid', 'setgid', 'seteuid', 'setegid', 'setgroups', 'initgroups']) module.exports[name] = () => refuse(`process.${name}`);
Object.defineProperty(module.exports, Symbol.toStringTag, { value: 'process', configurable: true });
