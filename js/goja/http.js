'use strict';

// Servers, agents and messages: made, configured and extended like Node's, but nothing is ever sent.

const build = require('./shape');

const self = function () { return this; };
const quiet = () => {};
const token = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/;

const coded = (ErrorType, code, message) => Object.assign(new ErrorType(message), { code });

function validateHeaderName(name, label = 'Header name') {
  if (typeof name !== 'string' || !token.test(name)) throw coded(TypeError, 'ERR_INVALID_HTTP_TOKEN', `${label} must be a valid HTTP token ["${name}"]`);
}

function validateHeaderValue(name, value) {
  if (value === undefined) throw coded(TypeError, 'ERR_HTTP_INVALID_HEADER_VALUE', `Invalid value "${value}" for header "${name}"`);
  if (/[^\t\x20-\x7e\x80-\xff]/.test(String(value))) throw coded(TypeError, 'ERR_INVALID_CHAR', `Invalid character in header content ["${name}"]`);
}

/** What an agent knows of itself before it is used. */
function initAgent(options) {
  const given = { __proto__: null, ...options };
  if (given.noDelay === undefined) given.noDelay = true;
  given.path = null;
  Object.assign(this, {
    defaultPort: 80, protocol: 'http:', options: given, requests: Object.create(null), sockets: Object.create(null),
    freeSockets: Object.create(null), keepAliveMsecs: given.keepAliveMsecs || 1000, keepAlive: given.keepAlive || false,
    maxSockets: given.maxSockets || Infinity, maxFreeSockets: given.maxFreeSockets || 256, scheduling: given.scheduling || 'lifo',
    maxTotalSockets: given.maxTotalSockets === undefined ? Infinity : given.maxTotalSockets, totalSocketCount: 0,
  });
}

function agentName(options = {}) {
  let name = `${options.host || 'localhost'}:${options.port || ''}:${options.localAddress || ''}`;
  if (options.family === 4 || options.family === 6) name += `:${options.family}`;
  if (options.socketPath) name += `:${options.socketPath}`;
  return name;
}

/** The second argument of a server's constructor, or the first. */
const listenerOf = (options, listener) => (typeof options === 'function' ? options : listener);

function initServer(options, listener) {
  const handler = listenerOf(options, listener);
  if (typeof handler === 'function') this.on('request', handler);
  const given = typeof options === 'object' && options !== null ? options : {};
  const timeOf = (name, usual) => (given[name] === undefined ? usual : given[name]);
  Object.assign(this, {
    httpAllowHalfOpen: false, timeout: 0, maxHeadersCount: null, maxRequestsPerSocket: 0,
    headersTimeout: timeOf('headersTimeout', 60000), requestTimeout: timeOf('requestTimeout', 300000),
    keepAliveTimeout: timeOf('keepAliveTimeout', 5000),
  });
}

const serverMethods = {
  close: self, closeAllConnections: quiet, closeIdleConnections: quiet,
  setTimeout(milliseconds, callback) {
    this.timeout = milliseconds;
    if (callback) this.on('timeout', callback);
    return this;
  },
};

/** The headers of a message that is being written, by their names in lower case. */
const stores = new WeakMap();
function headersOf(message) {
  if (!stores.has(message)) stores.set(message, new Map());
  return stores.get(message);
}

const outgoing = {
  setHeader(name, value) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    headersOf(this).set(name.toLowerCase(), [name, value]);
    return this;
  },
  setHeaders(headers) {
    for (const [name, value] of headers) this.setHeader(name, value);
    return this;
  },
  appendHeader(name, value) {
    const known = this.getHeader(name);
    return this.setHeader(name, known === undefined ? value : [].concat(known, value));
  },
  getHeader: function (name) { return (headersOf(this).get(String(name).toLowerCase()) || [])[1]; },
  getHeaderNames: function () { return [...headersOf(this).keys()]; },
  getRawHeaderNames: function () { return [...headersOf(this).values()].map(([name]) => name); },
  getHeaders: function () { return Object.assign(Object.create(null), Object.fromEntries([...headersOf(this)].map(([key, [, value]]) => [key, value]))); },
  hasHeader: function (name) { return headersOf(this).has(String(name).toLowerCase()); },
  removeHeader: function (name) { headersOf(this).delete(String(name).toLowerCase()); },
  setTimeout: self, cork: quiet, uncork: quiet,
  get headersSent() { return false; },
  get writableEnded() { return this.finished === true; },
  get writableFinished() { return false; },
  get writableLength() { return 0; },
  get writableHighWaterMark() { return 16384; },
  get writableObjectMode() { return false; },
  get connection() { return this.socket; },
  set connection(value) { this.socket = value; },
};

/** A getter of an object that is made when it is first read, and can be replaced. */
function record(name) {
  const key = Symbol(name);
  return {
    get() { return this[key] || (this[key] = {}); },
    set(value) { this[key] = value; },
    configurable: true,
  };
}

function makeHTTP() {
  const incoming = { setTimeout: self, get connection() { return this.socket; }, set connection(value) { this.socket = value; } };
  for (const name of ['headers', 'headersDistinct', 'trailers', 'trailersDistinct']) Object.defineProperty(incoming, name, record(name));
  const http = build('http', {
    exports: {
      validateHeaderName, validateHeaderValue, setMaxIdleHTTPParsers: quiet, maxHeaderSize: 16384,
      createServer: (options, listener) => new http.Server(options, listener),
      get globalAgent() { return globalAgent; },
      set globalAgent(value) { globalAgent = value; },
    },
    constructible: {
      Agent: initAgent,
      Server: initServer,
      OutgoingMessage() {
        Object.assign(this, {
          destroyed: false, finished: false, sendDate: false, shouldKeepAlive: true, useChunkedEncodingByDefault: true, chunkedEncoding: false, socket: null,
        });
      },
      ServerResponse(request) {
        Object.assign(this, { req: request, sendDate: true });
      },
      IncomingMessage(socket) {
        Object.assign(this, {
          socket, httpVersionMajor: null, httpVersionMinor: null, httpVersion: null, complete: false, rawHeaders: [], rawTrailers: [],
          aborted: false, upgrade: null, url: '', method: null, statusCode: null, statusMessage: null, client: socket,
        });
      },
    },
    methods: {
      Agent: { destroy: quiet, getName: agentName },
      Server: serverMethods,
      OutgoingMessage: outgoing,
      ServerResponse: { statusCode: 200 },
      IncomingMessage: incoming,
    },
  });
  let globalAgent = new http.Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 });
  return http;
}

function makeHTTPS() {
  const https = build('https', {
    exports: {
      createServer: (options, listener) => new https.Server(options, listener),
      get globalAgent() { return globalAgent; },
      set globalAgent(value) { globalAgent = value; },
    },
    constructible: {
      Agent: Object.assign(function (options) {
        Object.assign(this, { defaultPort: 443, protocol: 'https:', maxCachedSessions: 100, _sessionCache: { map: {}, list: [] } });
        if (options && options.maxCachedSessions !== undefined) this.maxCachedSessions = options.maxCachedSessions;
      }, { forward: (args) => args }),
      Server: initServer,
    },
    methods: {
      Agent: { getName: (options = {}) => `${agentName(options)}:${options.ca || ''}:${options.cert || ''}:::::::::::::::::::` },
      Server: serverMethods,
    },
  });
  let globalAgent = new https.Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 });
  return https;
}

const makers = { http: makeHTTP, https: makeHTTPS, http2: () => build('http2') };
for (const [name, make] of Object.entries(makers)) build.lazily(module.exports, name, { configurable: true, enumerable: true }, make);
