'use strict';

const { domainToASCII, domainToUnicode } = require('pandora:binding').nodeURL();
const { URLSearchParams } = require('./searchparams');
const { URL } = require('./whatwg');

function fileURLToPath(input) {
  const url = typeof input === 'string' ? new URL(input) : input;
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

/** The legacy parser, by the grammar of RFC 3986 with Node's leniency about missing parts. */
function parse(text, parseQuery = false, slashesDenoteHost = false) {
  if (text instanceof Url) return text;
  if (typeof text !== 'string') throw Object.assign(new TypeError(`The "url" argument must be of type string. Received ${typeof text}`), { code: 'ERR_INVALID_ARG_TYPE' });
  const url = new Url();
  let rest = text.trim();
  const hash = rest.indexOf('#');
  if (hash >= 0) {
    url.hash = rest.slice(hash);
    rest = rest.slice(0, hash);
  }
  const question = rest.indexOf('?');
  if (question >= 0) {
    url.search = rest.slice(question);
    rest = rest.slice(0, question);
  } else if (parseQuery) url.search = '';
  if (url.search !== null) url.query = parseQuery ? require('querystring').parse(url.search.slice(1)) : url.search.slice(1);
  const scheme = /^([a-z0-9.+-]+:)/i.exec(rest);
  if (scheme) {
    url.protocol = scheme[1].toLowerCase();
    rest = rest.slice(scheme[1].length);
  }
  const slashes = rest.startsWith('//') && (url.protocol !== null || slashesDenoteHost);
  if (slashes) {
    url.slashes = true;
    rest = rest.slice(2);
  }
  if (slashes || (url.protocol && !slashed.has(url.protocol) && url.protocol !== 'javascript:')) {
    const end = rest.indexOf('/');
    let host = end < 0 ? rest : rest.slice(0, end);
    rest = end < 0 ? '' : rest.slice(end);
    const at = host.lastIndexOf('@');
    if (at >= 0) {
      url.auth = decodeURIComponent(host.slice(0, at));
      host = host.slice(at + 1);
    }
    const port = /:(\d*)$/.exec(host);
    if (port) {
      if (port[1] !== '') url.port = port[1];
      host = host.slice(0, -port[0].length);
    }
    url.hostname = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
    url.host = `${url.hostname.includes(':') ? `[${url.hostname}]` : url.hostname}${url.port ? `:${url.port}` : ''}`;
  }
  if (rest !== '') url.pathname = rest;
  if (url.pathname === null && slashed.has(url.protocol) && url.hostname) url.pathname = '/';
  if (url.pathname !== null || url.search) url.path = (url.pathname || '') + (url.search || '');
  url.href = format(url);
  return url;
}

function format(input) {
  if (typeof input === 'string') return parse(input).href;
  if (input instanceof URL) return input.href;
  const auth = input.auth ? `${encodeURIComponent(input.auth).replace(/%3A/i, ':')}@` : '';
  const protocol = input.protocol ? (input.protocol.endsWith(':') ? input.protocol : `${input.protocol}:`) : '';
  let host = '';
  if (input.host) host = auth + input.host;
  else if (input.hostname) host = `${auth}${input.hostname.includes(':') ? `[${input.hostname}]` : input.hostname}${input.port ? `:${input.port}` : ''}`;
  let search = input.search || '';
  if (!search && input.query && typeof input.query === 'object' && Object.keys(input.query).length > 0) search = `?${require('querystring').stringify(input.query)}`;
  if (search && !search.startsWith('?')) search = `?${search}`;
  let pathname = input.pathname || '';
  const slashes = input.slashes || ((!protocol || slashed.has(protocol)) && host !== '');
  if (slashes && pathname && !pathname.startsWith('/')) pathname = `/${pathname}`;
  const hash = input.hash ? (input.hash.startsWith('#') ? input.hash : `#${input.hash}`) : '';
  return `${protocol}${slashes ? '//' : ''}${host}${pathname.replace(/[?#]/g, encodeURIComponent)}${search.replace('#', '%23')}${hash}`;
}

function resolve(from, to) {
  const base = new URL(from, 'http://resolve.invalid');
  const target = new URL(to, base);
  if (target.host !== 'resolve.invalid') return target.href;
  return target.pathname + target.search + target.hash;
}

module.exports = {
  URL, URLSearchParams, Url, domainToASCII, domainToUnicode, fileURLToPath, pathToFileURL, parse, format, resolve,
  resolveObject: (from, to) => parse(resolve(typeof from === 'string' ? from : from.href, to)),
  urlToHttpOptions: (url) => ({
    protocol: url.protocol, hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'), hash: url.hash, search: url.search, pathname: url.pathname,
    path: `${url.pathname}${url.search}`, href: url.href, ...(url.port !== '' ? { port: Number(url.port) } : {}),
    ...(url.username || url.password ? { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` } : {}),
  }),
};
