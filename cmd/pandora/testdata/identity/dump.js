'use strict';

// Writes what a process sees of itself into the folder DUMP: what is equal in every run, or is made so.

const cluster = require('cluster');
const fs = require('fs');
const path = require('path');

/** Variables whose values are compared. */
const VARIABLES = [
  'INHERITED', 'NUMBER', 'FLAG', 'worker', 'background', 'NODE_UNIQUE_ID', 'NODE_CHANNEL_FD',
  'PANDORA_CURRENT_WRAP_LEVEL', 'PANDORA_DO_NOT_FOLLOW_NPM', 'PANDORA_DO_NOT_FOLLOW_SHEBANG', 'PANDORA_DEV', 'RUN_PROCESS_BOOTSTRAP_BY_FORCE',
];

/** Members of PANDORA_PROCESS_REPRESENTATION. */
const MEMBERS = ['appName', 'appDir', 'processName', 'scale', 'offset', 'entryFile', 'entryFileBaseDir', 'args', 'execArgv', 'env'];

const base = fs.realpathSync(__dirname);

/** Without what the original's daemon adds, and once what it gives twice to the workers of a cluster. */
const options = (execArgv) => [...new Set(execArgv)].filter((each) => each !== '--trace-warnings');

/** A path seen from the application; one elsewhere by what it is. */
function place(file) {
  if (typeof file !== 'string') return file;
  const inside = path.relative(base, file);
  if (!path.isAbsolute(file) || !inside.startsWith('..')) return path.isAbsolute(file) ? inside || '.' : file;
  return path.basename(file) === 'node' ? 'node' : 'elsewhere';
}

/** from: the module of the application that says so; its parent is Node's or Pandora's, or nobody's. */
function dump(name, from) {
  const { env } = process;
  const representation = JSON.parse(env.PANDORA_PROCESS_REPRESENTATION);
  const origin = process.__pandoraOriginArgv;
  representation.env = Object.entries(representation.env).map((pair) => pair.join('=')).sort();
  const seen = {
    argv: process.argv.map(place),
    argv0: path.basename(process.argv0),
    originArgv: [Array.isArray(origin), place(origin[0]), place(origin[1])],
    originArgs: origin.slice(-process.argv.slice(2).length || origin.length).map(place).slice(0, process.argv.length - 2),
    execArgv: options(process.execArgv),
    cwd: place(process.cwd()),
    main: { isThis: require.main === from, isModule: require.main instanceof module.constructor, file: place(require.main.filename) },
    parent: from.parent && place(path.dirname(from.parent.filename || from.parent.id)),
    paths: place(from.paths[0]),
    cluster: { isMaster: cluster.isMaster, isWorker: cluster.isWorker },
    channel: [typeof process.send, process.connected],
    env: Object.fromEntries(VARIABLES.map((key) => [key, env[key] === undefined ? null : env[key]])),
    set: ['PANDORA_HOME', 'PANDORA_CWD', 'PANDORA_TMP_DIR', 'PANDORA_PROCESS_REPRESENTATION'].filter((key) => key in env),
    cwdVariable: place(env.PANDORA_CWD),
    home: env.PANDORA_HOME === '/not/here' ? env.PANDORA_HOME : typeof require(env.PANDORA_HOME),
    representation: Object.fromEntries(MEMBERS.map((key) => [key, place(representation[key])])),
    titled: process.title.includes('node'),
  };
  const file = path.join(env.DUMP, `${name}.${process.pid}`);
  fs.writeFileSync(`${file}.part`, JSON.stringify(seen));
  fs.renameSync(`${file}.part`, `${file}.json`);
}

module.exports = { dump };

const { processName } = JSON.parse(process.env.PANDORA_PROCESS_REPRESENTATION);
if (processName === 'web' || processName === 'pool') dump(processName, module);
setInterval(() => {}, 60000);
