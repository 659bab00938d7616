'use strict';

// path.win32: for code that handles Windows paths whatever it runs on.

const { checkString, invalidArgument } = require('./errors');

/** Cuts off the root: {device: 'C:' or '\\srv\share', absolute, rest}. */
function split(path) {
  const unc = /^[\\/]{2}([^\\/]+)[\\/]+([^\\/]+)(?=[\\/]|$)/.exec(path);
  if (unc) return { device: `\\\\${unc[1]}\\${unc[2]}`, absolute: true, rest: path.slice(unc[0].length), unc: true };
  const drive = /^[a-z]:/i.exec(path);
  const rest = drive ? path.slice(2) : path;
  return { device: drive ? drive[0] : '', absolute: /^[\\/]/.test(rest), rest, unc: false };
}

function squeeze(path, absolute) {
  const kept = [];
  for (const part of path.split(/[\\/]/)) {
    if (part === '' || part === '.') continue;
    if (part === '..' && kept.length > 0 && kept[kept.length - 1] !== '..') kept.pop();
    else if (part !== '..' || !absolute) kept.push(part);
  }
  return kept.join('\\');
}

function normalize(path) {
  checkString(path, 'path');
  if (path === '') return '.';
  const { device, absolute, rest, unc } = split(path);
  let tail = squeeze(rest, absolute);
  if (tail === '' && !absolute) tail = '.';
  if (tail !== '' && /[\\/]$/.test(rest)) tail += '\\';
  if (unc) return `${device}\\${tail}`;
  // What was no drive is not to look like one.
  if (!absolute && device === '' && (/^[a-z]:/i.test(tail) || /:([\\/]|$)/.test(path))) return `.\\${tail}`;
  return `${device}${absolute ? '\\' : ''}${tail}`;
}

function resolve(...paths) {
  let device = '';
  let tail = '';
  let absolute = false;
  for (let i = paths.length - 1; i >= -1 && !(device !== '' && absolute); i -= 1) {
    const path = i >= 0 ? paths[i] : process.cwd();
    checkString(path, `paths[${i}]`);
    if (path === '') continue;
    const parts = split(path);
    if (parts.device !== '') {
      if (device !== '' && parts.device.toLowerCase() !== device.toLowerCase()) continue;
      device = device || parts.device;
    }
    if (!absolute) {
      tail = tail === '' ? parts.rest : `${parts.rest}\\${tail}`;
      absolute = parts.absolute;
    }
  }
  return `${device}${absolute ? '\\' : ''}${squeeze(tail, absolute)}` || '.';
}

function join(...paths) {
  paths.forEach((path) => checkString(path, 'path'));
  const parts = paths.filter((path) => path !== '');
  if (parts.length === 0) return '.';
  let joined = parts.join('\\');
  // Only a first part that is itself a UNC path makes one.
  if (/^[\\/]{2}/.test(joined) && !/^[\\/]{2}[^\\/]/.test(parts[0])) joined = joined.replace(/^[\\/]+/, '\\');
  return normalize(joined);
}

function relative(from, to) {
  checkString(from, 'from');
  checkString(to, 'to');
  const source = resolve(from);
  const target = resolve(to);
  if (source.toLowerCase() === target.toLowerCase()) return '';
  const a = source.split('\\').filter(Boolean);
  const b = target.split('\\').filter(Boolean);
  let same = 0;
  while (same < a.length && same < b.length && a[same].toLowerCase() === b[same].toLowerCase()) same += 1;
  return same === 0 ? target : [...a.slice(same).map(() => '..'), ...b.slice(same)].join('\\');
}

/** Root (as written), folder and name of a path. */
function cut(path) {
  const { device, absolute, rest, unc } = split(path);
  const lead = unc ? path.length - rest.length : device.length;
  const root = path.slice(0, lead) + (absolute ? /^[\\/]?/.exec(rest)[0] : '');
  const own = path.slice(root.length).replace(/[\\/]+$/, '');
  const at = Math.max(own.lastIndexOf('\\'), own.lastIndexOf('/'));
  return { root, folder: at < 0 ? '' : own.slice(0, at), base: own.slice(at + 1), nested: at >= 0 };
}

function dirname(path) {
  checkString(path, 'path');
  if (path === '') return '.';
  const { root, folder, nested } = cut(path);
  return nested ? root + folder : root || '.';
}

function basename(path, suffix) {
  if (suffix !== undefined) checkString(suffix, 'suffix');
  checkString(path, 'path');
  const own = path.replace(/^[a-z]:/i, '').replace(/[\\/]+$/, '');
  const base = own.slice(Math.max(own.lastIndexOf('\\'), own.lastIndexOf('/')) + 1);
  return suffix && base !== suffix && base.endsWith(suffix) ? base.slice(0, -suffix.length) : base;
}

function extname(path) {
  const base = basename(path);
  const at = base.lastIndexOf('.');
  return at <= 0 || base === '..' ? '' : base.slice(at);
}

function parse(path) {
  checkString(path, 'path');
  const { root, folder, base, nested } = cut(path);
  const ext = extname(base);
  return { root, dir: nested ? root + folder : root, base, ext, name: ext ? base.slice(0, -ext.length) : base };
}

function format(object) {
  if (typeof object !== 'object' || object === null) throw invalidArgument('pathObject', 'of type object', object);
  const dir = object.dir || object.root;
  const ext = object.ext ? (object.ext.startsWith('.') ? object.ext : `.${object.ext}`) : '';
  const base = object.base || `${object.name || ''}${ext}`;
  if (!dir) return base;
  return dir === object.root ? `${dir}${base}` : `${dir}\\${base}`;
}

const win32 = {
  resolve,
  normalize,
  isAbsolute(path) {
    checkString(path, 'path');
    return /^([a-z]:)?[\\/]/i.test(path);
  },
  join,
  relative,
  toNamespacedPath(path) {
    if (typeof path !== 'string' || path === '') return path;
    const full = resolve(path);
    if (/^\\\\[^?.]/.test(full)) return `\\\\?\\UNC\\${full.slice(2)}`;
    return /^[a-z]:\\/i.test(full) ? `\\\\?\\${full}` : full;
  },
  dirname,
  basename,
  extname,
  format,
  parse,
  matchesGlob: () => require('pandora:loader').refuse('path.matchesGlob'),
  sep: '\\',
  delimiter: ';',
};
win32.win32 = win32;
win32.posix = require('path');
win32._makeLong = win32.toNamespacedPath;

module.exports = win32;
