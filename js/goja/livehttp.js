'use strict';

// Requests of a session, which are made: http.request and http.get, those of https, and fetch. The host makes each as a
// whole, so a request is sent when it ends, an answer is there when all of it is, and both are bounded. The rest of the
// modules is that of http.js.

const EventEmitter = require('./events');
const { Buffer } = require('./buffer');
const shapes = require('./http');
const { ask } = require('./session');
const { setTimeout, clearTimeout, setImmediate } = require('./livetimers');

/** Bytes of a request's body. The host bounds an answer's. */
const MAX_BODY = 8 * 1024 * 1024;
/** Milliseconds that a request may take. */
const MAX_MS = 60000;

/** What Node calls the reasons for which the host gives up. */
const CODES = [
  [/connection refused/, 'ECONNREFUSED'], [/no such host/, 'ENOTFOUND'], [/no answer within/, 'ETIMEDOUT'], [/connection reset|: EOF$/, 'ECONNRESET'],
];
function failure(error) {
  const known = CODES.find(([pattern]) => pattern.test(error.message));
  return Object.assign(new Error(error.message.replace(/^check\.http: /, '')), known && { code: known[1] });
}

const coded = (code, message) => Object.assign(new Error(message), { code });
const bytesOf = (chunk, encoding) => (typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk));

/** Asks the host, and gives {status, headers, body: Buffer}; headers are lists by name. */
async function exchange({ url, method, headers, body, redirect, timeoutMs = MAX_MS }) {
  if (body.length > MAX_BODY) throw coded('PANDORA_TOO_LARGE', `The body of the request has ${body.length} bytes, expected at most ${MAX_BODY}`);
  try {
    const answer = await ask('http', { url, method, headers, bodyBase64: body.toString('base64'), redirect, raw: true, timeoutMs });
    return { ...answer, body: Buffer.from(answer.bodyBase64, 'base64') };
  } catch (error) {
    throw failure(error);
  }
}

/** Headers as Node has them: joined, but for set-cookie. */
function joined(headers) {
  return Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, name === 'set-cookie' ? values : values.join(', ')]));
}

/** An answer. Its data comes when somebody listens. */
class IncomingMessage extends EventEmitter {
  #body;
  #encoding;
  #flowing = false;
  constructor({ status, statusText, headers, body }) {
    super();
    this.#body = body;
    Object.assign(this, {
      statusCode: status, statusMessage: statusText, headers: joined(headers), httpVersion: '1.1', complete: true, aborted: false,
      rawHeaders: Object.entries(headers).flatMap(([name, values]) => values.flatMap((value) => [name, value])), trailers: {}, readable: true,
    });
  }
  on(name, listener) {
    super.on(name, listener);
    if (name === 'data') this.resume();
    return this;
  }
  addListener(name, listener) { return this.on(name, listener); }
  setEncoding(encoding) { this.#encoding = encoding || 'utf8'; return this; }
  setTimeout() { return this; }
  pause() { return this; }
  resume() {
    if (!this.#flowing) {
      this.#flowing = true;
      setImmediate(() => {
        if (this.#body.length > 0) this.emit('data', this.#encoding ? this.#body.toString(this.#encoding) : this.#body);
        this.readable = false;
        this.emit('end');
        this.emit('close');
      });
    }
    return this;
  }
  pipe(target) {
    this.on('data', (chunk) => target.write(chunk));
    this.on('end', () => target.end());
    return target;
  }
  destroy() { return this; }
  [Symbol.asyncIterator]() {
    const chunks = this.#body.length > 0 ? [this.#encoding ? this.#body.toString(this.#encoding) : this.#body] : [];
    return { next: async () => (chunks.length > 0 ? { value: chunks.pop(), done: false } : { value: undefined, done: true }), return: async () => ({ value: undefined, done: true }) };
  }
}

/** The URL of what a request is given. */
function urlOf(options, usual) {
  const protocol = options.protocol || (options.agent && options.agent.protocol) || usual;
  const [host, inHost] = /^\[/.test(options.host || '') ? [options.host] : String(options.host || 'localhost').split(':');
  const port = options.port || inHost || options.defaultPort || '';
  const name = options.hostname || host;
  return `${protocol}//${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}${port ? `:${port}` : ''}${options.path || '/'}`;
}

class ClientRequest extends EventEmitter {
  #headers = new Map();
  #chunks = [];
  #timer;
  constructor(options, usual) {
    super();
    if (options.socketPath) throw coded('PANDORA_UNSUPPORTED', 'A request to a socketPath is not available in a script host');
    this.url = urlOf(options, usual);
    Object.assign(this, {
      method: String(options.method || 'GET').toUpperCase(), path: options.path || '/', host: options.hostname || options.host || 'localhost',
      protocol: usual, aborted: false, destroyed: false, finished: false, writable: true, socket: null, connection: null,
    });
    for (const [name, value] of Object.entries(options.headers || {})) this.setHeader(name, value);
    if (options.auth && !this.hasHeader('authorization')) this.setHeader('Authorization', `Basic ${Buffer.from(options.auth).toString('base64')}`);
    if (options.timeout > 0) this.setTimeout(options.timeout);
    if (options.signal) options.signal.addEventListener('abort', () => this.destroy(Object.assign(coded('ABORT_ERR', 'The operation was aborted'), { name: 'AbortError' })));
  }
  setHeader(name, value) {
    shapes.http.validateHeaderName(name);
    this.#headers.set(name.toLowerCase(), [name, Array.isArray(value) ? value.join(', ') : String(value)]);
    return this;
  }
  getHeader(name) { return (this.#headers.get(String(name).toLowerCase()) || [])[1]; }
  hasHeader(name) { return this.#headers.has(String(name).toLowerCase()); }
  removeHeader(name) { this.#headers.delete(String(name).toLowerCase()); }
  getHeaders() { return Object.fromEntries([...this.#headers].map(([key, [, value]]) => [key, value])); }
  flushHeaders() {}
  setNoDelay() {}
  setSocketKeepAlive() {}
  setTimeout(milliseconds, callback) {
    clearTimeout(this.#timer);
    if (callback) this.once('timeout', callback);
    if (milliseconds > 0) this.#timer = setTimeout(() => this.emit('timeout'), milliseconds);
    return this;
  }
  write(chunk, encoding, callback) {
    this.#chunks.push(bytesOf(chunk, typeof encoding === 'string' ? encoding : undefined));
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done) setImmediate(done);
    return true;
  }
  end(chunk, encoding, callback) {
    if (this.finished) return this;
    if (typeof chunk !== 'function' && chunk !== undefined && chunk !== null) this.write(chunk, encoding);
    const done = [chunk, encoding, callback].find((one) => typeof one === 'function');
    if (done) this.once('finish', done);
    this.finished = true;
    this.writable = false;
    this.#send();
    return this;
  }
  abort() {
    this.aborted = true;
    this.destroy(coded('ECONNRESET', 'socket hang up'));
  }
  destroy(error) {
    if (this.destroyed) return this;
    this.destroyed = true;
    clearTimeout(this.#timer);
    setImmediate(() => {
      if (error) this.emit('error', error);
      this.emit('close');
    });
    return this;
  }
  async #send() {
    try {
      const body = Buffer.concat(this.#chunks);
      this.#chunks = [];
      const headers = Object.fromEntries([...this.#headers.values()].filter(([name]) => !/^(content-length|transfer-encoding|connection)$/i.test(name)));
      const sent = exchange({ url: this.url, method: this.method, headers, body, redirect: false });
      setImmediate(() => this.emit('finish'));
      const answer = new IncomingMessage(await sent);
      if (this.destroyed) return;
      clearTimeout(this.#timer);
      this.res = answer;
      if (!this.emit('response', answer)) answer.resume();
      answer.once('close', () => this.emit('close'));
    } catch (error) {
      this.destroy(error);
    }
  }
}

/** The request of (url, options, callback) or (options, callback). */
function requestOf(usual, args) {
  const callback = args.find((one) => typeof one === 'function');
  const [first, second] = args.filter((one) => typeof one !== 'function');
  let options = first;
  if (typeof first === 'string' || (first && first.href !== undefined && first.searchParams)) {
    const { protocol, hostname, port, pathname, search, username, password } = new URL(String(first));
    const auth = username ? `${decodeURIComponent(username)}:${decodeURIComponent(password)}` : undefined;
    options = { protocol, hostname, port, path: pathname + search, ...(auth && { auth }), ...second };
  }
  const request = new ClientRequest(options || {}, usual);
  if (callback) request.once('response', callback);
  return request;
}

function live(module, usual) {
  const request = (...args) => requestOf(usual, args);
  const get = (...args) => {
    const made = request(...args);
    made.end();
    return made;
  };
  for (const [name, value] of Object.entries({ request, get })) Object.defineProperty(module, name, { value, writable: true, configurable: true, enumerable: true });
  return module;
}

/** @type {Record<string, any>} */
const made = {};
module.exports = {
  get http() { return made.http || (made.http = live(shapes.http, 'http:')); },
  get https() { return made.https || (made.https = live(shapes.https, 'https:')); },
};

// fetch --------------------------------------------------------------------------------------------------------------

class Headers {
  #all = new Map();
  constructor(init = {}) {
    const pairs = typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }
  append(name, value) { this.set(name, this.has(name) ? `${this.get(name)}, ${value}` : value); }
  set(name, value) { this.#all.set(String(name).toLowerCase(), String(value)); }
  get(name) { return this.#all.get(String(name).toLowerCase()) ?? null; }
  has(name) { return this.#all.has(String(name).toLowerCase()); }
  delete(name) { this.#all.delete(String(name).toLowerCase()); }
  forEach(callback) { for (const [name, value] of this.#all) callback(value, name, this); }
  keys() { return this.#all.keys(); }
  values() { return this.#all.values(); }
  entries() { return this.#all.entries(); }
  [Symbol.iterator]() { return this.entries(); }
}

class Response {
  #body;
  constructor(body, { status = 200, statusText = '', headers, url = '' } = {}) {
    this.#body = body === undefined || body === null ? Buffer.alloc(0) : bytesOf(body);
    Object.assign(this, { status, statusText, headers: new Headers(headers), url, ok: status >= 200 && status <= 299, bodyUsed: false });
  }
  async #taken() {
    if (this.bodyUsed) throw new TypeError('Body is unusable: Body has already been read');
    this.bodyUsed = true;
    return this.#body;
  }
  async text() { return (await this.#taken()).toString('utf8'); }
  async json() { return JSON.parse(await this.text()); }
  async arrayBuffer() { return new Uint8Array(await this.#taken()).buffer; }
}

/** The bytes of what fetch may be given, and the type it has unless told. */
function bodyOf(body) {
  if (body === undefined || body === null) return [Buffer.alloc(0)];
  if (body instanceof URLSearchParams) return [bytesOf(body.toString()), 'application/x-www-form-urlencoded;charset=UTF-8'];
  if (typeof body === 'string') return [bytesOf(body), 'text/plain;charset=UTF-8'];
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return [bytesOf(body instanceof ArrayBuffer ? new Uint8Array(body) : body)];
  throw new TypeError('The body of a fetch in a script host is a string, bytes or URLSearchParams');
}

async function fetch(target, { method = 'GET', headers = {}, body, redirect = 'follow', signal } = {}) {
  const url = new URL(String(target)).href;
  const [bytes, type] = bodyOf(body);
  const all = new Headers(headers);
  if (type && !all.has('content-type')) all.set('content-type', type);
  const sent = exchange({ url, method: String(method).toUpperCase(), headers: Object.fromEntries(all), body: bytes, redirect: redirect === 'follow' });
  const aborted = signal && new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason || Object.assign(coded(20, 'This operation was aborted'), { name: 'AbortError' }));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
  });
  let answer;
  try {
    answer = await (aborted ? Promise.race([sent, aborted]) : sent);
  } catch (error) {
    if (signal && signal.aborted) throw error;
    throw Object.assign(new TypeError('fetch failed'), { cause: error });
  }
  if (redirect === 'error' && answer.status >= 300 && answer.status <= 399) throw Object.assign(new TypeError('fetch failed'), { cause: new Error('unexpected redirect') });
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers: joined(answer.headers), url });
}

Object.assign(module.exports, { fetch, Headers, Response });
