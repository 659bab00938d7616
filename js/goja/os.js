'use strict';

const native = require('pandora:binding');

let known;
const system = () => (known ??= native.system());
const signals = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGUSR1: 10, SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15, SIGCHLD: 17, SIGCONT: 18, SIGSTOP: 19 };

module.exports = {
  EOL: '\n',
  devNull: '/dev/null',
  constants: { signals, errno: {}, priority: {}, dlopen: {}, UV_UDP_REUSEADDR: 4 },
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
  userInfo: () => ({ uid: process.getuid(), gid: process.getgid(), username: system().username, homedir: system().homedir, shell: process.env.SHELL || null }),
  networkInterfaces: () => require('pandora:loader').refuse('os.networkInterfaces'),
  getPriority: () => 0,
  setPriority: () => require('pandora:loader').refuse('os.setPriority'),
};
