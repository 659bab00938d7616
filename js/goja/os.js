'use strict';

const native = require('pandora:binding');

let known;
const system = () => (known ??= native.system());
const numbers = require('./numbers');

module.exports = {
  EOL: '\n',
  devNull: '/dev/null',
  constants: { UV_UDP_REUSEADDR: 4, dlopen: numbers.dlopen, errno: numbers.errno, signals: numbers.signals, priority: numbers.priority },
  arch: () => process.arch,
  platform: () => process.platform,
  type: () => system().sysname,
  release: () => system().release,
  version: () => system().version,
  machine: () => system().machine,
  endianness: () => 'LE',
  hostname: () => system().hostname,
  homedir: () => process.env.HOME || system().homedir,
  tmpdir: () => (process.env.TMPDIR || process.env.TMP || process.env.TEMP || '/tmp').replace(/(.)\/$/, '$1'),
  cpus: () => system().cpus.map((cpu) => ({ ...cpu, times: { ...cpu.times } })),
  availableParallelism: () => system().parallelism,
  totalmem: () => system().totalmem,
  freemem: () => system().freemem,
  loadavg: () => system().loadavg.slice(),
  uptime: () => system().uptime,
  userInfo(options) {
    const text = (value) => (options && options.encoding === 'buffer' ? require('buffer').Buffer.from(value) : value);
    const { username, homedir } = system();
    const shell = process.env.SHELL;
    return { uid: process.getuid(), gid: process.getgid(), username: text(username), homedir: text(homedir), shell: shell ? text(shell) : null };
  },
  networkInterfaces: () => require('pandora:loader').refuse('os.networkInterfaces'),
  getPriority: () => 0,
  setPriority: () => require('pandora:loader').refuse('os.setPriority'),
};
// As in Node these read as their value in a text.
for (const name of ['arch', 'availableParallelism', 'endianness', 'freemem', 'homedir', 'hostname', 'machine', 'platform', 'release', 'tmpdir', 'totalmem', 'type', 'uptime', 'version']) {
  Object.defineProperty(module.exports[name], Symbol.toPrimitive, { value: () => module.exports[name](), configurable: true });
}
