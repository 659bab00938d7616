'use strict';

// What is installed as bootstrap.js. It runs bundle.js beside it: bootstrap.js and what nearly every worker loads, in one
// piece. An earlier worker on the same Node has left what V8 compiled of it, so that this one need not do so again.
//
// V8 looks only at the length of what it is given: one changed bit ends the process. The code therefore lies there twice,
// and both must agree; it counts for one build of Node and its options, and nobody else may have been able to write it.

const fs = require('node:fs');
const { Script } = require('node:vm');

/** @returns {string | undefined} the file of what V8 compiled, which only this build of Node with these options may take */
function codeFile() {
  if (process.env.NODE_DISABLE_COMPILE_CACHE) return undefined;
  let stat;
  try {
    stat = fs.statSync(process.execPath);
  } catch {
    return undefined; // it has been replaced, or nobody may look at it
  }
  const { size, mtimeMs } = stat;
  const text = `${process.version} ${process.arch} ${size} ${mtimeMs} ${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return `${__dirname}/${process.version}-${(hash >>> 0).toString(16)}.code`;
}

/** So much of the second copy is held at once: what was read stays in memory until V8 collects garbage. */
const PIECE_BYTES = 16 * 1024;

/**
 * @param {string} file
 * @returns {Buffer | undefined} undefined: there is none that may be used
 */
function readCode(file) {
  let fd;
  try {
    fd = fs.openSync(file, 'r');
  } catch {
    return undefined;
  }
  try {
    const { uid, mode, size } = fs.fstatSync(fd);
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0 || size % 2 !== 0) return undefined;
    const code = Buffer.allocUnsafeSlow(size / 2);
    if (fs.readSync(fd, code, 0, code.length, 0) !== code.length) return undefined;
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    for (let at = 0; at < code.length;) {
      const length = fs.readSync(fd, piece, 0, Math.min(piece.length, code.length - at), code.length + at);
      if (length === 0 || piece.compare(code, at, at + length, 0, length) !== 0) return undefined;
      at += length;
    }
    return code;
  } catch {
    return undefined;
  } finally {
    fs.closeSync(fd);
  }
}

/** @returns {Function} the bundle, a function of what every module gets */
function compile() {
  const filename = `${__dirname}/bundle.js`;
  const file = codeFile();
  const cachedData = file ? readCode(file) : undefined;
  const script = new Script(fs.readFileSync(filename, 'utf8'), { filename, cachedData });
  // Whoever is to keep it takes it from there.
  if (file && (!cachedData || script.cachedDataRejected)) /** @type {any} */ (module).compiled = { script, file };
  return script.runInThisContext();
}

compile()(exports, require, module, __filename, __dirname);
