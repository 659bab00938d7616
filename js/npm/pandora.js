#!/usr/bin/env node
'use strict';

// The command of the npm package: runs the binary that is in the package of this platform, as if it had been called itself.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const SIGNALS = /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT']);

/**
 * @param {Record<string, string>} packages the optional dependencies of this package, by name
 * @param {string} platform as process.platform
 * @param {string} arch as process.arch
 * @returns {string} the package with the binary; '' where there is none
 */
function packageOf(packages, platform, arch) {
  return Object.keys(packages).find((name) => name.endsWith(`/${platform}-${arch}`)) ?? '';
}

/** @returns {string} the path of the binary; the process ends where it is not installed */
function binary() {
  const { name, optionalDependencies = {} } = JSON.parse(fs.readFileSync(path.join(__dirname, '..', 'package.json'), 'utf8'));
  const from = packageOf(optionalDependencies, process.platform, process.arch);
  if (from === '') {
    const those = Object.keys(optionalDependencies).map((one) => one.slice(one.indexOf('/') + 1)).join(', ');
    return fail(`${name} has no binary for ${process.platform}-${process.arch}; there are: ${those}`);
  }
  try {
    return path.join(path.dirname(require.resolve(`${from}/package.json`)), 'bin', 'pandora');
  } catch {
    return fail(`${name} needs the optional package ${from}, which is not installed. `
      + 'Install again without --no-optional (--omit=optional), on the machine it is to run on.');
  }
}

/**
 * @param {string} text
 * @returns {never}
 */
function fail(text) {
  console.error(`pandora: ${text}`);
  process.exit(1);
}

function main() {
  const file = binary();
  const child = spawn(file, process.argv.slice(2), { stdio: 'inherit' });
  // A terminal sends SIGINT to both; who stops this process alone means the command.
  for (const signal of SIGNALS) process.on(signal, () => { if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal); });
  child.on('error', (error) => fail(`run ${file}: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const one of SIGNALS) process.removeAllListeners(one);
    process.kill(process.pid, signal);
    setTimeout(() => process.exit(128 + os.constants.signals[signal]), 1000); // a signal that is ignored
  });
}

if (require.main === module) main();
module.exports = { packageOf };
