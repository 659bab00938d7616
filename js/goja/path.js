'use strict';

function check(path, name) {
  if (typeof path === 'string') return;
  throw require('./errors').invalidArgument(name, 'of type string', path);
}

/** Removes empty, "." and ".." parts; a leading ".." stays where the path is relative. */
function squeeze(path, absolute) {
  const kept = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && kept.length > 0 && kept[kept.length - 1] !== '..') kept.pop();
    else if (part !== '..' || !absolute) kept.push(part);
  }
  return kept.join('/');
}

function resolve(...paths) {
  let joined = '';
  for (let i = paths.length - 1; i >= 0 && !joined.startsWith('/'); i -= 1) {
    check(paths[i], `paths[${i}]`);
    if (paths[i] !== '') joined = joined === '' ? paths[i] : `${paths[i]}/${joined}`;
  }
  if (!joined.startsWith('/')) joined = `${process.cwd()}/${joined}`;
  return `/${squeeze(joined, true)}`;
}

function normalize(path) {
  check(path, 'path');
  if (path === '') return '.';
  const absolute = path.startsWith('/');
  let result = squeeze(path, absolute);
  if (result === '' && !absolute) result = '.';
  if (result !== '' && path.endsWith('/')) result += '/';
  return absolute ? `/${result}` : result;
}

function join(...paths) {
  paths.forEach((path) => check(path, 'path'));
  const joined = paths.filter((path) => path !== '').join('/');
  return joined === '' ? '.' : normalize(joined);
}

function relative(from, to) {
  check(from, 'from');
  check(to, 'to');
  const a = resolve(from).split('/').filter(Boolean);
  const b = resolve(to).split('/').filter(Boolean);
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same += 1;
  return [...a.slice(same).map(() => '..'), ...b.slice(same)].join('/');
}

const trimmed = (path) => path.replace(/\/+$/, '');

function dirname(path) {
  check(path, 'path');
  if (path === '') return '.';
  const own = trimmed(path);
  if (own === '') return '/';
  const cut = own.lastIndexOf('/');
  if (cut < 0) return '.';
  return trimmed(own.slice(0, cut)) || (own.startsWith('//') && cut === 1 ? '//' : '/');
}

function basename(path, suffix) {
  check(path, 'path');
  if (suffix !== undefined) check(suffix, 'suffix');
  if (suffix !== undefined && suffix === path) return '';
  const own = trimmed(path);
  const name = own.slice(own.lastIndexOf('/') + 1);
  return suffix && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}

function extname(path) {
  const name = basename(path);
  const cut = name.lastIndexOf('.');
  return cut <= 0 || name === '..' ? '' : name.slice(cut);
}

function parse(path) {
  check(path, 'path');
  const base = basename(path);
  const ext = extname(path);
  const root = path.startsWith('/') ? '/' : '';
  const own = trimmed(path);
  const cut = own.lastIndexOf('/');
  const dir = cut < 0 ? '' : cut === 0 ? '/' : own.slice(0, cut);
  return { root, dir: base === '' ? root : dir, base, ext, name: ext ? base.slice(0, -ext.length) : base };
}

function format(object) {
  if (typeof object !== 'object' || object === null) throw require('./errors').invalidArgument('pathObject', 'of type object', object);
  const dir = object.dir || object.root;
  const ext = object.ext ? (object.ext.startsWith('.') ? object.ext : `.${object.ext}`) : '';
  const base = object.base || `${object.name || ''}${ext}`;
  if (!dir) return base;
  return dir === object.root ? `${dir}${base}` : `${dir}/${base}`;
}

const path = {
  resolve,
  normalize,
  isAbsolute(path) {
    check(path, 'path');
    return path.startsWith('/');
  },
  join,
  relative,
  toNamespacedPath: (path) => path,
  dirname,
  basename,
  extname,
  format,
  parse,
  matchesGlob: () => require('pandora:loader').refuse('path.matchesGlob'),
  sep: '/',
  delimiter: ':',
};
path.posix = path;
Object.defineProperty(path, 'win32', { get: () => require('./win32'), configurable: true, enumerable: true });
path._makeLong = path.toNamespacedPath;

module.exports = path;
