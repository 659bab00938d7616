'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const output = JSON.stringify(path.join(__dirname, '..', 'node', 'output.js'));

/**
 * Runs a script whose output goes to a device.
 * @param {string} script
 * @param {string} device
 */
function run(script, device) {
  const fd = fs.openSync(device, 'w');
  const result = spawnSync(process.execPath, ['-e', script], { stdio: ['ignore', fd, 'pipe'], encoding: 'utf8' });
  fs.closeSync(fd);
  return result;
}

// /dev/full answers every write with ENOSPC, as a full disk does; to Node it must look like a file.
const disguise = 'require("fs").fstatSync = () => ({ isFile: () => true });';

test('a full disk costs the output, not the process', { skip: !fs.existsSync('/dev/full') && 'no /dev/full' }, () => {
  const script = 'console.log(1); setTimeout(() => { console.log(2); process.exitCode = 7; }, 50);';
  const result = run(`${disguise} require(${output}).installOutput(); ${script}`, '/dev/full');
  assert.equal(result.status, 7, result.stderr);
});

test('other errors of the output are still uncaught, unless somebody listens', () => {
  const script = (/** @type {string} */ listen) => `${disguise} require(${output}).installOutput(); ${listen}
    process.stdout.emit('error', Object.assign(new Error('gone'), { code: 'EPIPE' }));`;
  assert.match(run(script(''), '/dev/null').stderr, /EPIPE/);
  assert.equal(run(script('process.stdout.on("error", () => { process.exitCode = 7; });'), '/dev/null').status, 7);
});
