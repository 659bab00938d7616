'use strict';

// util.inspect and util.format, close enough to Node's for logs: one line up to 72 characters, else one entry a line.

const custom = Symbol.for('nodejs.util.inspect.custom');
const identifier = /^[a-zA-Z_$][\w$]*$/;
const maxWidth = 72;
const escapes = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '\b': '\\b', '\f': '\\f', '\\': '\\\\' };

function quote(text) {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') ? '`' : "'";
  const escaped = text.replace(/[\0-\x1f\x7f-\x9f\\]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, (c) => escapes[c] ?? (c < '\xa0' ? `\\x${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}` : `\\u${c.charCodeAt(0).toString(16).toUpperCase()}`));
  return mark + (mark === "'" ? escaped.replace(/'/g, "\\'") : escaped) + mark;
}

function primitive(value) {
  switch (typeof value) {
    case 'string': return quote(value);
    case 'bigint': return `${value}n`;
    case 'number': return Object.is(value, -0) ? '-0' : String(value);
    default: return String(value);
  }
}

const keyText = (key) => (typeof key === 'symbol' ? `[${String(key)}]` : identifier.test(key) ? key : quote(key));

/** The name of the constructor, or null for an object without prototype. */
function className(value) {
  for (let at = value; at !== null; at = Object.getPrototypeOf(at)) {
    const own = Object.getOwnPropertyDescriptor(at, 'constructor');
    if (own && typeof own.value === 'function' && own.value.name !== '') return own.value.name;
  }
  return null;
}

function functionText(value) {
  const source = Function.prototype.toString.call(value);
  const name = typeof value.name === 'string' && value.name !== '' ? value.name : '';
  if (source.startsWith('class')) {
    const parent = Object.getPrototypeOf(value);
    return `[class ${name || '(anonymous)'}${typeof parent === 'function' && parent.name ? ` extends ${parent.name}` : ''}]`;
  }
  const kind = className(value) || 'Function';
  return `[${kind}${name ? `: ${name}` : ' (anonymous)'}]`;
}

function isArguments(value) {
  return Object.prototype.toString.call(value) === '[object Arguments]';
}

/** What stands before the braces, the braces, and the entries that are not properties. */
function shapeOf(value, show, options) {
  const name = className(value);
  const limit = options.maxArrayLength ?? Infinity;
  const more = (total) => (total > limit ? [`... ${total - limit} more item${total - limit > 1 ? 's' : ''}`] : []);
  if (Array.isArray(value) || ArrayBuffer.isView(value) || isArguments(value)) {
    const entries = [];
    const length = value.length ?? 0;
    for (let i = 0; i < Math.min(length, limit); i += 1) {
      let empty = 0;
      while (i + empty < length && !(i + empty in value)) empty += 1;
      entries.push(empty === 0 ? show(value[i]) : `<${empty} empty item${empty > 1 ? 's' : ''}>`);
      if (empty > 0) i += empty - 1;
    }
    const prefix = Array.isArray(value) ? (name === 'Array' ? '' : `${name}(${length}) `) : isArguments(value) ? '[Arguments] ' : `${name}(${length}) `;
    return { prefix, open: '[', close: ']', entries: [...entries, ...more(length)], skipIndexes: true };
  }
  if (value instanceof Set) return { prefix: `${name}(${value.size}) `, open: '{', close: '}', entries: [...value].map(show) };
  if (value instanceof Map) return { prefix: `${name}(${value.size}) `, open: '{', close: '}', entries: [...value].map(([k, v]) => `${show(k)} => ${show(v)}`) };
  if (typeof value === 'function') return { base: functionText(value) };
  if (value instanceof Error) return { base: errorText(value) };
  if (value instanceof RegExp) return { base: RegExp.prototype.toString.call(value) };
  if (value instanceof Date) return { base: Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString() };
  if (value instanceof Promise) return { prefix: 'Promise ', open: '{', close: '}', entries: ['<pending>'] };
  if (value instanceof String || value instanceof Number || value instanceof Boolean) return { base: `[${name}: ${primitive(value.valueOf())}]`, skipIndexes: true };
  const tag = value[Symbol.toStringTag];
  const shown = name === null ? '[Object: null prototype]' : name;
  const full = typeof tag === 'string' && tag !== '' && tag !== name ? `${shown} [${tag}]` : shown;
  return { prefix: full === 'Object' ? '' : `${full} `, open: '{', close: '}', entries: [] };
}

function errorText(error) {
  const head = String(error.stack || '').split('\n')[0];
  const title = `${error.name}: ${error.message}`;
  if (!error.stack) return `[${title}]`;
  const stack = String(error.stack).replace(/\n\s*at /g, '\n    at ').replace(/\(\d+\)(?=\)?$|\)?\n)/gm, '').trimEnd();
  return head.includes(String(error.message).split('\n')[0]) ? stack : `${title}\n${stack}`;
}

function propertyText(value, key, show) {
  const own = Object.getOwnPropertyDescriptor(value, key);
  if (own && own.get) return `${keyText(key)}: ${own.set ? '[Getter/Setter]' : '[Getter]'}`;
  if (own && own.set) return `${keyText(key)}: [Setter]`;
  return `${keyText(key)}: ${show(own ? own.value : value[key])}`;
}

function layout(prefix, open, close, entries, indent) {
  if (entries.length === 0) return `${prefix}${open}${close}`;
  const line = `${prefix}${open} ${entries.join(', ')} ${close}`;
  if (line.length + indent <= maxWidth + 4 && !line.includes('\n')) return line;
  const pad = ' '.repeat(indent + 2);
  return `${prefix}${open}\n${pad}${entries.join(`,\n${pad}`)}\n${' '.repeat(indent)}${close}`;
}

function write(value, depth, indent, seen, options) {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return primitive(value);
  if (seen.includes(value)) return '[Circular *1]';
  const maker = value[custom];
  if (typeof maker === 'function' && maker !== inspect) {
    const text = maker.call(value, options.depth - depth, { ...options }, inspect);
    if (text !== value) return typeof text === 'string' ? text : write(text, depth, indent, [...seen, value], options);
  }
  const tooDeep = options.depth !== null && depth > options.depth;
  if (tooDeep && typeof value === 'object' && !(value instanceof Error) && !(value instanceof Date) && !(value instanceof RegExp)) {
    return Array.isArray(value) ? '[Array]' : `[${className(value) || 'Object: null prototype'}]`;
  }
  const inner = [...seen, value];
  const show = (one) => write(one, depth + 1, indent + 2, inner, options);
  const shape = shapeOf(value, show, options);
  let keys = options.showHidden ? Object.getOwnPropertyNames(value) : Object.keys(value);
  if (shape.skipIndexes) keys = keys.filter((key) => !/^\d+$/.test(key));
  if (value instanceof Error) keys = keys.filter((key) => key !== 'stack' && key !== 'message');
  const symbols = Object.getOwnPropertySymbols(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
  if (options.sorted) keys.sort();
  const properties = [...keys, ...symbols].map((key) => propertyText(value, key, show));
  if (shape.base !== undefined) return properties.length === 0 ? shape.base : layout(`${shape.base} `, '{', '}', properties, indent);
  return layout(shape.prefix, shape.open, shape.close, [...shape.entries, ...properties], indent);
}

function inspect(value, given, depth) {
  const options = { depth: 2, showHidden: false, colors: false, maxArrayLength: 100, sorted: false, ...inspect.defaultOptions };
  if (typeof given === 'boolean') Object.assign(options, { showHidden: given, ...(depth === undefined ? {} : { depth }) });
  else if (given) Object.assign(options, given);
  if (options.depth === null) options.depth = Infinity;
  return write(value, 0, 0, [], options);
}
inspect.custom = custom;
inspect.defaultOptions = { depth: 2 };
inspect.colors = Object.create(null);
inspect.styles = Object.create(null);

function stringText(value) {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'object' && value !== null) {
    const own = value.toString;
    const plain = own === Object.prototype.toString || own === Error.prototype.toString || own === Array.prototype.toString;
    return typeof own === 'function' && !plain ? String(value) : inspect(value, { depth: 0 });
  }
  return typeof value === 'number' && Object.is(value, -0) ? '-0' : String(value);
}

function numberText(value, parse) {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'symbol' || (typeof value === 'object' && value !== null)) return 'NaN';
  return String(parse(value));
}

function jsonText(value) {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (/circular/i.test(error.message)) return '[Circular]';
    throw error;
  }
}

function format(...args) {
  let text = '';
  let used = 0;
  if (typeof args[0] === 'string') {
    used = 1;
    text = args.length === 1 ? args[0] : args[0].replace(/%[sdifjoOc%]/g, (mark) => {
      if (mark === '%%') return '%';
      if (used >= args.length) return mark;
      const value = args[used];
      used += 1;
      switch (mark) {
        case '%s': return stringText(value);
        case '%d': return numberText(value, Number);
        case '%i': return numberText(value, parseInt);
        case '%f': return numberText(value, parseFloat);
        case '%j': return jsonText(value);
        case '%o': return inspect(value, { showHidden: true, depth: 4 });
        case '%O': return inspect(value);
        default: return '';
      }
    });
  }
  const rest = args.slice(used).map((value) => (typeof value === 'string' ? value : inspect(value)));
  return used === 0 ? rest.join(' ') : [text, ...rest].join(' ');
}

module.exports = { inspect, format };
