'use strict';

// Keeps what V8 has compiled of the bundle, for workers that start later. See compiled.js.

const fs = require('node:fs/promises');
const path = require('node:path');

/** The first of many workers that start at once does it; by then what happens after ready has been compiled, too. */
const KEEP_MS = 500;
/** Each build of Node and its options have one file. */
const MAX_FILES = 16;

/**
 * @param {string} dir
 * @returns {Promise<void>} once there is room for one more file: the oldest go
 */
async function makeRoom(dir) {
  const names = (await fs.readdir(dir)).filter((name) => name.endsWith('.code'));
  if (names.length < MAX_FILES) return;
  const ages = await Promise.all(names.map(async (name) => ({ file: path.join(dir, name), at: (await fs.stat(path.join(dir, name))).mtimeMs })));
  ages.sort((a, b) => a.at - b.at);
  for (const { file } of ages.slice(0, names.length - MAX_FILES + 1)) await fs.unlink(file);
}

/**
 * @param {string} file
 * @param {Buffer} data
 */
async function write(file, data) {
  const fresh = `${file}.${process.pid}`;
  try {
    await makeRoom(path.dirname(file));
    const handle = await fs.open(fresh, 'wx', 0o600);
    try {
      await handle.writeFile(Buffer.concat([data, data]));
      await handle.sync(); // a name without its content would survive a loss of power
    } finally {
      await handle.close();
    }
    await fs.rename(fresh, file);
  } catch {
    await fs.unlink(fresh).catch(() => {}); // the next worker compiles by itself
  }
}

/**
 * Keeps it in a while, unless another worker has.
 * @param {{script: import('node:vm').Script, file: string}} compiled what may be kept
 * @param {number} [ms] how long the while is at least
 * @returns {Promise<boolean>} whether this worker has kept it
 */
async function keepLater({ script, file }, ms = KEEP_MS) {
  await new Promise((resolve) => { setTimeout(resolve, ms * (1 + Math.random())).unref(); });
  const known = await fs.stat(file).then(({ mtimeMs }) => mtimeMs, () => 0);
  // One that was there already was no good.
  if (known > Date.now() - process.uptime() * 1000) return false;
  await write(file, script.createCachedData());
  return true;
}

module.exports = { keepLater, write, makeRoom };
