'use strict';

// A router for the resources of EndPoints, with the calls of koa-router that resources are written with, and the context
// that its handlers get.

const METHODS = ['HEAD', 'OPTIONS', 'GET', 'PUT', 'PATCH', 'POST', 'DELETE'];

/**
 * A path with parameters: ":name", ":name?", ":name(pattern)", "(.*)" and "*".
 * @param {string} path
 * @param {boolean} end whether nothing may come after it
 */
function compile(path, end) {
  const keys = [];
  let source = '';
  const token = /\/?:(\w+)(?:\(((?:\\.|[^()])+)\))?([?*+])?|\(([^()]*)\)|\*|[\\^$.|+{}[\]]/g;
  let last = 0;
  for (const match of path.matchAll(token)) {
    source += path.slice(last, match.index);
    last = match.index + match[0].length;
    if (match[1]) {
      keys.push(match[1]);
      const slash = match[0].startsWith('/') ? '/' : '';
      const one = match[2] || '[^/]+?';
      const value = match[3] === '*' || match[3] === '+' ? `${one}(?:/${one})*` : one;
      source += match[3] === '?' || match[3] === '*' ? `(?:${slash}(${value}))?` : `${slash}(${value})`;
    } else if (match[4] !== undefined || match[0] === '*') {
      keys.push(String(keys.length));
      source += `(${match[4] || '.*'})`;
    } else {
      source += `\\${match[0]}`;
    }
  }
  source = (source + path.slice(last)).replace(/\/$/, '');
  return { keys, pattern: new RegExp(`^${source}${end ? '/?$' : '(?=/|$)'}`, 'i') };
}

/** @param {(Function)[]} handlers run one in the other, by next() */
function compose(handlers) {
  return (ctx, next) => {
    let last = -1;
    const run = async (at) => {
      if (at <= last) throw new Error('next() called multiple times');
      last = at;
      const handler = at === handlers.length ? next : handlers[at];
      if (handler) await handler(ctx, () => run(at + 1));
    };
    return run(0);
  };
}

class Router {
  /** @param {{prefix?: string}} [options] */
  constructor(options = {}) {
    this.opts = options;
    this.stack = [];
  }

  /** @param {string|RegExp|string[]} path @param {string[]} methods an empty list for middleware @param {Function[]} handlers */
  register(path, methods, handlers) {
    if (Array.isArray(path)) {
      for (const one of path) this.register(one, methods, handlers);
      return this;
    }
    for (const handler of handlers) {
      if (typeof handler !== 'function') throw new TypeError(`${methods.join() || 'use'} ${path}: a handler must be a function, it is ${typeof handler}`);
    }
    const { keys, pattern } = path instanceof RegExp ? { keys: [], pattern: path } : compile((this.opts.prefix || '') + path, methods.length > 0);
    this.stack.push({ methods: methods.includes('GET') ? ['HEAD', ...methods] : methods, keys, pattern, handle: compose(handlers) });
    return this;
  }

  use(path, ...handlers) {
    if (typeof path === 'function') return this.register('', [], [path, ...handlers]);
    return this.register(path, [], handlers);
  }

  all(path, ...handlers) { return this.register(path, METHODS, this.named(path, handlers)); }

  prefix(prefix) {
    if (this.stack.length > 0) throw new Error('prefix() is to be called before routes are added');
    this.opts.prefix = prefix;
    return this;
  }

  /** A route may have a name before its path. */
  named(path, handlers) { return handlers.flat(); }

  /**
   * Runs the handlers of a path.
   * @param {Context} ctx
   * @returns {Promise<'none'|'method'|'done'>}
   */
  async handle(ctx) {
    const found = this.stack.map((layer) => ({ layer, match: layer.pattern.exec(ctx.path) })).filter(({ match }) => match);
    const routes = found.filter(({ layer }) => layer.methods.length > 0);
    if (routes.length === 0) return 'none';
    if (!routes.some(({ layer }) => layer.methods.includes(ctx.method))) {
      ctx.allowed.push(...routes.flatMap(({ layer }) => layer.methods));
      return 'method';
    }
    const used = found.filter(({ layer }) => layer.methods.length === 0 || layer.methods.includes(ctx.method));
    await compose(used.map(({ layer, match }) => (context, next) => {
      const params = layer.keys.length > 0 ? layer.keys.map((key, at) => [key, match[at + 1]]) : match.slice(1).map((value, at) => [String(at), value]);
      for (const [key, value] of params) if (value !== undefined) context.params[key] = decode(value);
      return layer.handle(context, next);
    }))(ctx, undefined);
    return 'done';
  }
}

for (const method of METHODS) {
  Router.prototype[method.toLowerCase()] = function (path, ...handlers) {
    if (typeof handlers[0] === 'string') return this.register(handlers[0], [method], handlers.slice(1).flat());
    return this.register(path, [method], handlers.flat());
  };
}
Router.prototype.del = Router.prototype.delete;

const decode = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const TYPES = {
  json: 'application/json; charset=utf-8', html: 'text/html; charset=utf-8', text: 'text/plain; charset=utf-8',
  xml: 'application/xml', js: 'application/javascript; charset=utf-8', css: 'text/css; charset=utf-8', bin: 'application/octet-stream',
};

const STATUS = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 413: 'Request Entity Too Large', 500: 'Internal Server Error' };

/** What handlers get, as of koa. */
class Context {
  /** @param {{method: string, path: string, rawQuery: string, header: Record<string, string>, body: string}} request */
  constructor({ method, path, rawQuery, header, body }) {
    this.method = method;
    this.path = path;
    this.querystring = rawQuery;
    this.url = rawQuery ? `${path}?${rawQuery}` : path;
    this.originalUrl = this.url;
    this.query = { ...require('querystring').parse(rawQuery) };
    this.headers = header;
    this.header = header;
    this.params = {};
    this.state = {};
    this.allowed = [];
    this.answer = { status: 0, body: undefined, type: '', headers: {} };
    this.request = { method, path, url: this.url, query: this.query, querystring: rawQuery, headers: header, header, body: parseBody(header, body), rawBody: body, get: (name) => this.get(name) };
    this.response = this;
  }

  get(name) { return this.headers[String(name).toLowerCase()] || ''; }
  set(name, value) {
    if (typeof name === 'object') {
      for (const [key, one] of Object.entries(name)) this.set(key, one);
    } else if (String(name).toLowerCase() === 'content-type') this.answer.type = String(value);
    else this.answer.headers[String(name)] = Array.isArray(value) ? value.join(', ') : String(value);
  }
  append(name, value) {
    const before = this.answer.headers[name];
    this.set(name, before === undefined ? value : [before, value].flat());
  }
  get status() { return this.answer.status || (this.answer.body === undefined ? 404 : 200); }
  set status(code) {
    if (!Number.isInteger(code) || code < 200 || code > 599) throw new TypeError(`invalid status code: ${code}`);
    this.answer.status = code;
  }
  get body() { return this.answer.body; }
  set body(value) {
    this.answer.body = value;
    if (value === null && !this.answer.status) this.answer.status = 204;
    // As koa: an object makes it JSON, whatever the type was before; a type that is set later counts.
    if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) this.answer.type = TYPES.json;
  }
  get type() { return this.answer.type.split(';')[0]; }
  set type(value) {
    const type = TYPES[value] || String(value);
    // As the types of koa: what is text says in which characters.
    this.answer.type = /^(text\/[^;]+|application\/(json|javascript))$/i.test(type) ? `${type}; charset=utf-8` : type;
  }
  throw(...args) {
    const status = args.find((arg) => typeof arg === 'number') || 500;
    const given = args.find((arg) => arg instanceof Error);
    const message = args.find((arg) => typeof arg === 'string') || STATUS[status] || 'Error';
    throw Object.assign(given || new Error(message), { status, expose: status < 500 });
  }
  assert(value, ...args) { if (!value) this.throw(...args); }
}

/** As of koa-bodyparser: JSON and forms. */
function parseBody(header, body) {
  const type = (header['content-type'] || '').split(';')[0].trim().toLowerCase();
  if (!body) return {};
  if (type === 'application/json') {
    try {
      return JSON.parse(body);
    } catch (error) {
      throw Object.assign(error, { status: 400, expose: false });
    }
  }
  return type === 'application/x-www-form-urlencoded' ? { ...require('querystring').parse(body) } : {};
}

/** What is sent of what handlers have set. */
function finish(ctx) {
  const { answer } = ctx;
  let { body, type } = answer;
  const { status } = ctx;
  if (body === undefined || body === null) {
    if (body === null || [204, 205, 304].includes(status)) return { status, contentType: '', text: '', headers: answer.headers };
    return { status, contentType: TYPES.text, text: STATUS[status] || String(status), headers: answer.headers };
  }
  if (typeof body === 'string') {
    return { status, contentType: type || (/^\s*</.test(body) ? TYPES.html : TYPES.text), text: body, headers: answer.headers };
  }
  if (Buffer.isBuffer(body) || body instanceof Uint8Array) {
    return { status, contentType: type || TYPES.bin, base64: Buffer.from(body).toString('base64'), headers: answer.headers };
  }
  if (typeof body.pipe === 'function') throw new TypeError('ctx.body is a stream; set it to a text, a Buffer or an object: what is sent from here is sent at once');
  return { status, contentType: type || TYPES.json, text: JSON.stringify(body), headers: answer.headers };
}

/** The answer to an error that a handler has thrown. */
function failure(error) {
  let status = error && Number.isInteger(error.status) ? error.status : 500;
  if (status < 400 || status > 599) status = 500;
  return { status, contentType: TYPES.text, text: error && error.expose ? String(error.message) : STATUS[status] || String(status), headers: {} };
}

module.exports = { Router, Context, finish, failure, TYPES };
