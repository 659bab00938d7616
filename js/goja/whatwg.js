'use strict';

// The WHATWG URL class. goja_nodejs has one that cleans paths ("/a/" becomes "/a"); its domain functions are used here.

const { domainToASCII } = require('pandora:binding').nodeURL();
const { URLSearchParams } = require('./searchparams');

const ports = { 'http:': '80', 'https:': '443', 'ws:': '80', 'wss:': '443', 'ftp:': '21', 'file:': '' };
const isSpecial = (protocol) => protocol in ports;

const sets = {
  fragment: /[\0-\x20"<>`\x7f]|[^\0-\x7f]/u,
  query: /[\0-\x20"#<>\x7f]|[^\0-\x7f]/u,
  specialQuery: /[\0-\x20"#'<>\x7f]|[^\0-\x7f]/u,
  path: /[\0-\x20"#<>?^`{}\x7f]|[^\0-\x7f]/u,
  userinfo: /[\0-\x20"#<>?`{}/:;=@[\\\]^|\x7f]|[^\0-\x7f]/u,
};

const hex = (code) => `%${code.toString(16).toUpperCase().padStart(2, '0')}`;

function encode(text, set) {
  let result = '';
  for (const char of text) {
    if (!set.test(char)) result += char;
    else if (char.codePointAt(0) < 0x80) result += hex(char.charCodeAt(0));
    else result += encodeURIComponent(/[\ud800-\udfff]/.test(char) && char.length === 1 ? '\ufffd' : char);
  }
  return result;
}

function invalid(input, base) {
  return Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input, ...(base === undefined ? {} : { base }) });
}

function parseHost(host, protocol) {
  if (host.startsWith('[')) {
    if (!/^\[[0-9a-f:.]+\]$/i.test(host)) throw new TypeError('host');
    return host.toLowerCase();
  }
  if (!isSpecial(protocol)) {
    if (/[\0\t\n\r #/<>?@[\\\]^|]/.test(host)) throw new TypeError('host');
    return encode(host, sets.fragment);
  }
  const ascii = domainToASCII(decodeURIComponent(host)).toLowerCase();
  if (ascii === '' || /[\0-\x20#%/:<>?@[\\\]^`{|}\x7f]/.test(ascii)) throw new TypeError('host');
  return ascii;
}

/** Applies "." and ".." and encodes; special schemes also know backslashes. */
function parsePath(path, protocol) {
  const special = isSpecial(protocol);
  const parts = (special ? path.replace(/\\/g, '/') : path).replace(/^\//, '').split('/');
  const kept = [];
  parts.forEach((part, i) => {
    const last = i === parts.length - 1;
    const plain = part.replace(/%2e/gi, '.');
    if (plain === '..') kept.pop();
    if (plain === '..' || plain === '.') {
      if (last) kept.push('');
    } else kept.push(encode(part, sets.path));
  });
  return `/${kept.join('/')}`;
}

function parseAuthority(at, text) {
  const cut = text.lastIndexOf('@');
  if (cut >= 0) {
    const [, user, password] = /^([^:]*):?([\s\S]*)$/.exec(text.slice(0, cut));
    at.username = encode(user, sets.userinfo);
    at.password = encode(password, sets.userinfo);
  }
  const [, host, port] = /^(.*?)(?::(\d*))?$/.exec(text.slice(cut + 1));
  at.hostname = host === '' && !isSpecial(at.protocol) ? '' : parseHost(host, at.protocol);
  at.port = parsePort(port || '', at.protocol);
}

function parsePort(text, protocol) {
  if (text === '') return '';
  const port = Number(text);
  if (!(port <= 65535)) throw new TypeError('port');
  return String(port) === ports[protocol] ? '' : String(port);
}

/** Splits "path?search#hash". */
function split(text) {
  const [, path, search, hash] = /^([^?#]*)(\?[^#]*)?(#[\s\S]*)?$/.exec(text);
  return { path, search: search || '', hash: hash || '' };
}

function parse(input, base) {
  let text = input.replace(/^[\0-\x20]+|[\0-\x20]+$/g, '').replace(/[\t\n\r]/g, '');
  const at = { protocol: '', username: '', password: '', hostname: null, port: '', pathname: '', search: '', hash: '' };
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text);
  if (scheme && !(base && isSpecial(base.protocol) && base.protocol === scheme[0].toLowerCase() && !/^[/\\]/.test(text.slice(scheme[0].length)))) {
    at.protocol = scheme[0].toLowerCase();
    text = text.slice(scheme[0].length);
  } else {
    if (!base || (base.hostname === null && !base.pathname.startsWith('/') && !text.startsWith('#'))) throw new TypeError('no base');
    if (scheme) text = text.slice(scheme[0].length);
    Object.assign(at, base, { hash: '' });
    const slashed = isSpecial(at.protocol) ? text.replace(/^[/\\]{1,2}/, (s) => s.replace(/\\/g, '/')) : text;
    if (slashed.startsWith('//')) {
      Object.assign(at, { username: '', password: '', port: '' });
      text = slashed;
    } else return relative(at, split(slashed));
  }
  let rest = split(text);
  const special = isSpecial(at.protocol);
  if (special) rest.path = rest.path.replace(/\\/g, '/');
  if (special && at.protocol !== 'file:') rest.path = `//${rest.path.replace(/^\/+/, '')}`;
  if (rest.path.startsWith('//')) {
    const end = rest.path.indexOf('/', 2);
    const authority = end < 0 ? rest.path.slice(2) : rest.path.slice(2, end);
    rest.path = end < 0 ? '' : rest.path.slice(end);
    if (at.protocol === 'file:') at.hostname = authority === '' || authority.toLowerCase() === 'localhost' ? '' : parseHost(authority, at.protocol);
    else parseAuthority(at, authority);
  } else if (special) at.hostname = '';
  if (special || rest.path.startsWith('/')) at.pathname = parsePath(rest.path, at.protocol);
  else at.pathname = at.hostname === null ? encode(rest.path, /[\0-\x1f\x7f]|[^\0-\x7f]/u) : rest.path && parsePath(rest.path, at.protocol);
  return tail(at, rest);
}

function relative(at, rest) {
  if (rest.path.startsWith('/')) at.pathname = parsePath(rest.path, at.protocol);
  else if (rest.path !== '') at.pathname = parsePath(at.pathname.slice(0, at.pathname.lastIndexOf('/') + 1) + rest.path, at.protocol);
  if (rest.path === '' && rest.search === '') rest.search = at.search;
  return tail(at, rest);
}

function tail(at, rest) {
  at.search = rest.search.length > 1 ? encode(rest.search, isSpecial(at.protocol) ? sets.specialQuery : sets.query) : '';
  at.hash = rest.hash.length > 1 ? `#${encode(rest.hash.slice(1), sets.fragment)}` : '';
  return at;
}

class URL {
  #at;
  #params;
  constructor(input, base) {
    const text = String(input);
    try {
      this.#at = parse(text, base === undefined ? undefined : (base instanceof URL ? base : new URL(base)).#at);
    } catch {
      throw invalid(text, base === undefined ? undefined : String(base));
    }
  }
  static createObjectURL() { return require('pandora:loader').refuse('URL.createObjectURL'); }
  static revokeObjectURL() {}
  static canParse(input, base) {
    try {
      return new URL(input, base) instanceof URL;
    } catch {
      return false;
    }
  }
  get href() {
    const at = this.#at;
    if (at.hostname === null) return at.protocol + at.pathname + at.search + at.hash;
    const auth = at.username || at.password ? `${at.username}${at.password ? `:${at.password}` : ''}@` : '';
    return `${at.protocol}//${auth}${this.host}${at.pathname}${at.search}${at.hash}`;
  }
  set href(value) {
    this.#at = new URL(value).#at;
    this.#params = undefined;
  }
  get origin() { return isSpecial(this.#at.protocol) && this.#at.protocol !== 'file:' ? `${this.#at.protocol}//${this.host}` : 'null'; }
  get protocol() { return this.#at.protocol; }
  set protocol(value) {
    const name = `${String(value).replace(/:.*$/s, '').toLowerCase()}:`;
    if (/^[a-z][a-z0-9+.-]*:$/.test(name) && isSpecial(name) === isSpecial(this.#at.protocol)) this.#at.protocol = name;
    this.#at.port = parsePort(this.#at.port, this.#at.protocol);
  }
  get username() { return this.#at.username; }
  set username(value) { this.#at.username = encode(String(value), sets.userinfo); }
  get password() { return this.#at.password; }
  set password(value) { this.#at.password = encode(String(value), sets.userinfo); }
  get host() { return `${this.#at.hostname ?? ''}${this.#at.port === '' ? '' : `:${this.#at.port}`}`; }
  set host(value) {
    const [, host, port] = /^(\[[^\]]*\]|[^:/?#]*)(?::(\d+))?/.exec(String(value));
    this.hostname = host;
    if (port !== undefined) this.port = port;
  }
  get hostname() { return this.#at.hostname ?? ''; }
  set hostname(value) { this.#try(() => { this.#at.hostname = parseHost(String(value), this.#at.protocol); }); }
  get port() { return this.#at.port; }
  set port(value) { this.#try(() => { this.#at.port = parsePort((/^\d*/.exec(String(value)))[0], this.#at.protocol); }); }
  get pathname() { return this.#at.pathname; }
  set pathname(value) { if (this.#at.hostname !== null) this.#at.pathname = parsePath(String(value).replace(/[?#]/g, encodeURIComponent), this.#at.protocol); }
  get search() { return this.#at.search; }
  set search(value) {
    const text = String(value).replace(/^\?/, '');
    this.#at.search = text === '' ? '' : `?${encode(text, isSpecial(this.#at.protocol) ? sets.specialQuery : sets.query)}`;
    this.#params = undefined;
  }
  get searchParams() {
    this.#params ??= new URLSearchParams(this.#at.search, (text) => { this.#at.search = text === '' ? '' : `?${text}`; });
    return this.#params;
  }
  get hash() { return this.#at.hash; }
  set hash(value) {
    const text = String(value).replace(/^#/, '');
    this.#at.hash = text === '' ? '' : `#${encode(text, sets.fragment)}`;
  }
  toString() { return this.href; }
  toJSON() { return this.href; }
  /** A setter ignores what cannot be part of a URL. */
  #try(change) {
    try {
      change();
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof URIError)) throw error;
    }
  }
  [Symbol.for('nodejs.util.inspect.custom')](depth, options, inspect) {
    const shown = {};
    for (const name of ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'searchParams', 'hash']) shown[name] = this[name];
    return `URL ${inspect(shown, options)}`;
  }
}
for (const name of ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'searchParams', 'hash', 'toString', 'toJSON']) {
  Object.defineProperty(URL.prototype, name, { enumerable: true });
}
Object.defineProperty(URL.prototype, Symbol.toStringTag, { value: 'URL', configurable: true });

module.exports = { URL };
