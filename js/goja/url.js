'use strict';

const { domainToASCII, domainToUnicode } = require('pandora:binding').nodeURL();
const { URLSearchParams } = require('./searchparams');
const { URL } = require('./whatwg');
const { invalidArgument } = require('./errors');

function fileURLToPath(input) {
  const url = typeof input === 'string' ? new URL(input) : input;
  if (typeof url !== 'object' || url === null || !url.href || !url.protocol) throw invalidArgument('path', 'of type string or an instance of URL', input);
  if (url.protocol !== 'file:') throw Object.assign(new TypeError('The URL must be of scheme file'), { code: 'ERR_INVALID_URL_SCHEME' });
  if (url.hostname !== '' && url.hostname !== 'localhost') throw Object.assign(new TypeError(`File URL host must be "localhost" or empty on ${process.platform}`), { code: 'ERR_INVALID_FILE_URL_HOST' });
  if (/%2f/i.test(url.pathname)) throw Object.assign(new TypeError('File URL path must not include encoded / characters'), { code: 'ERR_INVALID_FILE_URL_PATH' });
  return decodeURIComponent(url.pathname);
}

const escaped = { '%': '%25', '\\': '%5C', '\n': '%0A', '\r': '%0D', '\t': '%09', '?': '%3F', '#': '%23' };
function pathToFileURL(path) {
  const full = require('path').resolve(path) + (path.endsWith('/') && path !== '/' ? '/' : '');
  return new URL(`file://${full.replace(/[%\\\n\r\t?#]/g, (c) => escaped[c])}`);
}

const slashed = new Set(['http:', 'https:', 'ftp:', 'gopher:', 'file:', 'ws:', 'wss:']);

class Url {
  constructor() {
    for (const name of ['protocol', 'slashes', 'auth', 'host', 'port', 'hostname', 'hash', 'search', 'query', 'pathname', 'path', 'href']) this[name] = null;
  }
  format() { return format(this); }
  resolve(to) { return resolve(this.href, to); }
  parse(text, query) { return Object.assign(this, parse(text, query)); }
}

/** Characters that the legacy parser escapes wherever they stand. */
const unsafe = /[\t\n\r "'<>\\^`{|}]/g;
const escapeUnsafe = (text) => text.replace(unsafe, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);

/** Takes user, host and port from the beginning of rest, and gives what follows. */
function takeHost(url, rest) {
  const end = /[/?#]/.exec(rest);
  const authority = end ? rest.slice(0, end.index) : rest;
  let tail = end ? rest.slice(end.index) : '';
  const at = authority.lastIndexOf('@');
  let host = authority;
  if (at >= 0) {
    url.auth = decodeURIComponent(authority.slice(0, at));
    host = authority.slice(at + 1);
  }
  const cut = host.search(/[\t\n\r "%';<>\\^`{|}]/);
  if (cut >= 0) {
    tail = host.slice(cut) + tail;
    host = host.slice(0, cut);
  }
  const port = /:(\d*)$/.exec(host);
  if (port) {
    if (port[1] !== '') url.port = port[1];
    host = host.slice(0, -port[0].length);
  }
  const six = /^\[(.*)\]$/.exec(host);
  if (six) host = six[1];
  else {
    const bad = host.search(/[^a-z0-9.\-+_\u0080-\uffff]/i);
    if (bad >= 0) {
      tail = `/${host.slice(bad)}${tail}`;
      host = host.slice(0, bad);
    }
  }
  url.hostname = six ? host.toLowerCase() : domainToASCIIOr(host.toLowerCase());
  url.host = `${six ? `[${url.hostname}]` : url.hostname}${url.port ? `:${url.port}` : ''}`;
  return tail;
}

const domainToASCIIOr = (host) => (/[^\0-\x7f]/.test(host) ? domainToASCII(host) : host);

/** The legacy parser, by the grammar of RFC 3986 with Node's leniency about missing parts. */
function parse(text, parseQuery = false, slashesDenoteHost = false) {
  if (text instanceof Url) return text;
  if (typeof text !== 'string') throw invalidArgument('url', 'of type string', text);
  const url = new Url();
  const trimmed = text.trim();
  const question = /^[^?#]*/.exec(trimmed)[0];
  let rest = question.replace(/\\/g, '/') + trimmed.slice(question.length);
  const scheme = /^[a-z0-9.+-]+:/i.exec(rest);
  if (scheme) {
    url.protocol = scheme[0].toLowerCase();
    rest = rest.slice(scheme[0].length);
  }
  const script = url.protocol === 'javascript:';
  let slashes = false;
  if ((slashesDenoteHost || scheme || /^\/\/[^@/]+@[^@/]+/.test(rest)) && rest.startsWith('//') && !script) {
    slashes = true;
    url.slashes = true;
    rest = rest.slice(2);
  }
  if (!script && (slashes || (url.protocol && !slashed.has(url.protocol)))) rest = takeHost(url, rest);
  if (!script) rest = escapeUnsafe(rest);
  const [, path, search, hash] = /^([^?#]*)(\?[^#]*)?(#[\s\S]*)?$/.exec(rest);
  url.hash = hash ?? null;
  url.search = search ?? (parseQuery ? '' : null);
  if (url.search !== null) url.query = parseQuery ? require('querystring').parse(url.search.slice(1)) : url.search.slice(1);
  else if (parseQuery) url.query = Object.create(null);
  if (path !== '') url.pathname = slashes || url.hostname !== null ? path.replace(/^(?!\/)/, '/') : path;
  else if (slashed.has(url.protocol) && url.hostname) url.pathname = '/';
  if (url.pathname || url.search) url.path = (url.pathname || '') + (url.search || '');
  url.href = format(url);
  return url;
}

/** A WHATWG URL without the parts that options switch off. */
function formatURL(url, options) {
  const copy = new URL(url.href);
  if (options.fragment === false) copy.hash = '';
  if (options.search === false) copy.search = '';
  if (options.auth === false) copy.username = copy.password = '';
  return options.unicode ? copy.href.replace(copy.hostname, domainToUnicode(copy.hostname)) : copy.href;
}

function format(input, options) {
  if (typeof input === 'string') return parse(input).href;
  if (typeof input !== 'object' || input === null) throw invalidArgument('urlObject', 'one of type object or string', input);
  if (input instanceof URL) return formatURL(input, options ?? {});
  const auth = input.auth ? `${encodeURIComponent(input.auth).replace(/%3A/i, ':')}@` : '';
  const protocol = input.protocol ? (input.protocol.endsWith(':') ? input.protocol : `${input.protocol}:`) : '';
  let host = '';
  if (input.host) host = auth + input.host;
  else if (input.hostname) host = `${auth}${input.hostname.includes(':') && !input.hostname.startsWith('[') ? `[${input.hostname}]` : input.hostname}${input.port ? `:${input.port}` : ''}`;
  let search = input.search || '';
  if (!search && input.query && typeof input.query === 'object') {
    const query = require('querystring').stringify(input.query);
    search = query && `?${query}`;
  }
  if (search && !search.startsWith('?')) search = `?${search}`;
  let pathname = (input.pathname || '').replace(/[?#]/g, encodeURIComponent);
  const special = slashed.has(protocol);
  if (input.slashes || special) {
    if (input.slashes || host) {
      if (pathname && !pathname.startsWith('/')) pathname = `/${pathname}`;
      host = `//${host}`;
    } else if (protocol === 'file:') host = '//';
  }
  const hash = input.hash ? (input.hash.startsWith('#') ? input.hash : `#${input.hash}`) : '';
  return `${protocol}${host}${pathname}${search.replace(/#/g, '%23')}${hash}`;
}

/** Joins two paths and removes "." and "..", as far as there is something to remove. */
function joinPaths(from, to, rooted) {
  const parts = to.startsWith('/') ? to.split('/') : [...from.split('/').slice(0, -1), ...to.split('/')];
  const last = parts[parts.length - 1];
  const kept = [];
  let above = 0;
  for (const part of parts) {
    if (part === '.' || (part === '' && kept.length === 0)) continue;
    if (part !== '..') kept.push(part);
    else if (kept.length > 0) kept.pop();
    else above += 1;
  }
  const absolute = rooted || to.startsWith('/') || from.startsWith('/');
  const prefix = absolute ? '/' : '../'.repeat(above);
  const folder = last === '.' || last === '..';
  const body = kept.join('/');
  return `${prefix}${body}${folder && body !== '' && !body.endsWith('/') ? '/' : ''}`;
}

function resolveObject(from, to) {
  const base = parse(from, false, true);
  const target = parse(to, false, true);
  const result = new Url();
  Object.assign(result, base, { hash: target.hash });
  if (target.href === '') {
    result.href = format(result);
    return result;
  }
  if (target.slashes && !target.protocol) {
    Object.assign(result, target, { protocol: base.protocol });
    if (slashed.has(result.protocol) && result.hostname && !result.pathname) result.path = result.pathname = '/';
  } else if (target.protocol && (target.protocol !== base.protocol || target.host)) Object.assign(result, target);
  else {
    if (target.pathname) {
      // Such as mailto: there is no host, what looks like one is the path.
      const bare = base.host && base.protocol && !base.slashes && !slashed.has(base.protocol);
      if (bare) Object.assign(result, { auth: null, host: null, hostname: null, port: null });
      const rooted = Boolean(base.host) && slashed.has(base.protocol);
      result.pathname = joinPaths(bare ? base.host + (base.pathname || '') : base.pathname || '', target.pathname, rooted || Boolean(base.host && base.slashes));
      result.search = target.search;
      result.query = target.query;
    } else if (target.search !== null) {
      result.search = target.search;
      result.query = target.query;
    }
    result.path = (result.pathname || '') + (result.search || '') || null;
  }
  result.href = format(result);
  return result;
}

const resolve = (from, to) => resolveObject(from, to).href;

module.exports = {
  URL, URLSearchParams, Url, domainToASCII, domainToUnicode, fileURLToPath, pathToFileURL, parse, format, resolve,
  resolveObject: (from, to) => resolveObject(typeof from === 'string' ? from : from.href, to),
  urlToHttpOptions: (url) => ({
    protocol: url.protocol, hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'), hash: url.hash, search: url.search, pathname: url.pathname,
    path: `${url.pathname}${url.search}`, href: url.href, ...(url.port !== '' ? { port: Number(url.port) } : {}),
    ...(url.username || url.password ? { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` } : {}),
  }),
};
