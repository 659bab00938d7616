'use strict';

// util.inspect and util.format, close enough to Node's for logs; arrays of more than six entries are not set in columns.

const custom = Symbol.for('nodejs.util.inspect.custom');
const colors = {
  __proto__: null,
  reset: [0, 0], bold: [1, 22], dim: [2, 22], italic: [3, 23], underline: [4, 24], blink: [5, 25], inverse: [7, 27], hidden: [8, 28], strikethrough: [9, 29], doubleunderline: [21, 24],
  black: [30, 39], red: [31, 39], green: [32, 39], yellow: [33, 39], blue: [34, 39], magenta: [35, 39], cyan: [36, 39], white: [37, 39],
  bgBlack: [40, 49], bgRed: [41, 49], bgGreen: [42, 49], bgYellow: [43, 49], bgBlue: [44, 49], bgMagenta: [45, 49], bgCyan: [46, 49], bgWhite: [47, 49],
  framed: [51, 54], overlined: [53, 55], gray: [90, 39], redBright: [91, 39], greenBright: [92, 39], yellowBright: [93, 39], blueBright: [94, 39], magentaBright: [95, 39], cyanBright: [96, 39], whiteBright: [97, 39],
  bgGray: [100, 49], bgRedBright: [101, 49], bgGreenBright: [102, 49], bgYellowBright: [103, 49], bgBlueBright: [104, 49], bgMagentaBright: [105, 49], bgCyanBright: [106, 49], bgWhiteBright: [107, 49],
};
const styles = {
  __proto__: null, special: 'cyan', number: 'yellow', bigint: 'yellow', boolean: 'yellow', undefined: 'grey', null: 'bold', string: 'green', symbol: 'green', date: 'magenta', regexp: 'red', module: 'underline',
};
for (const [name, other] of [['grey', 'gray'], ['swapcolors', 'inverse'], ['swapColors', 'inverse'], ['crossedout', 'strikethrough'], ['crossedOut', 'strikethrough'], ['strikeThrough', 'strikethrough'], ['conceal', 'hidden'], ['faint', 'dim'], ['doubleUnderline', 'doubleunderline'], ['blackBright', 'gray'], ['bgGrey', 'bgGray'], ['bgBlackBright', 'bgGray']]) {
  Object.defineProperty(colors, name, { get() { return this[other]; }, set(value) { this[other] = value; }, configurable: true });
}

const plainStyle = (text) => text;
function colorStyle(text, style) {
  const codes = colors[styles[style]];
  return codes === undefined ? text : `\u001b[${codes[0]}m${text}\u001b[${codes[1]}m`;
}

const identifier = /^[a-zA-Z_$][\w$]*$/;
const escapes = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '\b': '\\b', '\f': '\\f', '\\': '\\\\' };

function quote(text) {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') ? '`' : "'";
  const escaped = text.replace(/[\0-\x1f\x7f-\x9f\\]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, (c) => escapes[c] ?? (c < '\xa0' ? `\\x${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}` : `\\u${c.charCodeAt(0).toString(16)}`));
  return mark + (mark === "'" ? escaped.replace(/'/g, "\\'") : escaped) + mark;
}

function numberShown(value, options) {
  const text = Object.is(value, -0) ? '-0' : typeof value === 'bigint' ? `${value}n` : String(value);
  if (!options.numericSeparator) return text;
  const [, sign, whole, rest] = /^(-?)(\d+)(.*)$/.exec(text) || [];
  return whole === undefined ? text : `${sign}${whole.replace(/\B(?=(\d{3})+$)/g, '_')}${rest.replace(/(\.|_)?(\d{3})(?=\d)/g, '$1$2_')}`;
}

function primitive(value, options = defaults) {
  switch (typeof value) {
    case 'string': {
      const limit = options.maxStringLength ?? Infinity;
      const more = value.length - limit;
      return options.stylize(quote(more > 0 ? value.slice(0, limit) : value), 'string') + (more > 0 ? `... ${more} more character${more > 1 ? 's' : ''}` : '');
    }
    case 'bigint': return options.stylize(numberShown(value, options), 'bigint');
    case 'number': return options.stylize(numberShown(value, options), 'number');
    case 'boolean': return options.stylize(String(value), 'boolean');
    case 'symbol': return options.stylize(String(value), 'symbol');
    default: return options.stylize(String(value), value === null ? 'null' : 'undefined');
  }
}

const keyText = (key) => (typeof key === 'symbol' ? `[${String(key)}]` : identifier.test(key) ? key : quote(key));

function isInstance(value, constructor) {
  try {
    return value instanceof constructor;
  } catch {
    return false;
  }
}

/** The name of the constructor, or null for an object without prototype. */
function className(value) {
  for (let at = value; at !== null; at = Object.getPrototypeOf(at)) {
    const own = Object.getOwnPropertyDescriptor(at, 'constructor');
    if (own && typeof own.value === 'function' && own.value.name !== '' && isInstance(value, own.value)) return own.value.name;
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

const tagOf = (value) => (typeof value[Symbol.toStringTag] === 'string' ? value[Symbol.toStringTag] : '');

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
  const also = tagOf(value) === '' || tagOf(value) === name ? '' : `[${tagOf(value)}] `;
  if (value instanceof Set) return { prefix: `${name}(${value.size}) ${also}`, open: '{', close: '}', entries: [...value].map(show) };
  if (value instanceof Map) return { prefix: `${name}(${value.size}) ${also}`, open: '{', close: '}', entries: [...value].map(([k, v]) => `${show(k)} => ${show(v)}`) };
  if (typeof value === 'function') return { base: options.stylize(functionText(value), 'special') };
  if (value instanceof Error) return { base: errorText(value) };
  if (value instanceof RegExp) return { base: options.stylize(RegExp.prototype.toString.call(value), 'regexp') };
  if (value instanceof Date) return { base: options.stylize(Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString(), 'date') };
  if (value instanceof WeakMap || value instanceof WeakSet) return { prefix: `${name} `, open: '{', close: '}', entries: [options.stylize('<items unknown>', 'special')] };
  if (value instanceof ArrayBuffer) {
    const bytes = [...new Uint8Array(value)].map((byte) => byte.toString(16).padStart(2, '0'));
    return { prefix: `${name} `, open: '{', close: '}', entries: [`[Uint8Contents]: <${bytes.slice(0, 50).join(' ')}${bytes.length > 50 ? ` ... ${bytes.length - 50} more bytes` : ''}>`, `byteLength: ${primitive(value.byteLength, options)}`] };
  }
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  if (kind === 'Map Iterator' || kind === 'Set Iterator') return { prefix: `[${kind}] `, open: '{', close: '}', entries: [] };
  if ((kind === 'Symbol' || kind === 'BigInt') && typeof value.valueOf() !== 'object') return { base: `[${kind}: ${primitive(value.valueOf())}]` };
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

function propertyText(value, key, show, options) {
  const own = Object.getOwnPropertyDescriptor(value, key);
  const { stylize } = options;
  if (own && own.get) {
    const label = own.set ? 'Getter/Setter' : 'Getter';
    const read = options.getters === true || (options.getters === 'get' && !own.set) || (options.getters === 'set' && own.set);
    if (!read) return `${keyText(key)}: ${stylize(`[${label}]`, 'special')}`;
    try {
      const got = own.get.call(value);
      return `${keyText(key)}: ${stylize(`[${label}${got !== null && typeof got === 'object' ? ']' : ':'}`, 'special')} ${show(got)}${got !== null && typeof got === 'object' ? '' : stylize(']', 'special')}`;
    } catch (error) {
      return `${keyText(key)}: ${stylize(`[${label}: <Inspection threw (${error.message})>]`, 'special')}`;
    }
  }
  if (own && own.set) return `${keyText(key)}: ${stylize('[Setter]', 'special')}`;
  return `${keyText(key)}: ${show(own ? own.value : value[key])}`;
}

/** One line if it fits and at most options.compact levels end in it, else one entry a line. */
function layout(prefix, open, close, entries, depth, options) {
  if (entries.length === 0) return `${prefix}${open}${close}`;
  const indent = depth * 2 + options.indentation;
  const bare = (text) => (options.colors ? text.replace(/\u001b\[\d+m/g, '') : text).length;
  if (options.compact !== false && options.place.depth - depth < options.compact && !prefix.includes('\n')) {
    const total = entries.reduce((sum, entry) => sum + bare(entry), 0) + 2 * entries.length + indent + bare(prefix) + open.length + 10;
    const joined = entries.join(', ');
    if (total <= options.breakLength && !joined.includes('\n')) return `${prefix}${open} ${joined} ${close}`;
  }
  const pad = ' '.repeat(indent + 2);
  return `${prefix}${open}\n${pad}${entries.join(`,\n${pad}`)}\n${' '.repeat(indent)}${close}`;
}

function write(value, depth, seen, options) {
  const indent = depth * 2 + options.indentation;
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return primitive(value, options);
  if (seen.includes(value)) {
    if (!options.circular.has(value)) options.circular.set(value, options.circular.size + 1);
    return options.stylize(`[Circular *${options.circular.get(value)}]`, 'special');
  }
  const maker = value[custom];
  if (options.customInspect !== false && typeof maker === 'function' && maker !== inspect && !(value.constructor && value.constructor.prototype === value)) {
    const left = options.depth === Infinity ? Infinity : options.depth - depth;
    const { circular, place, indentation, ...given } = options;
    const text = maker.call(value, left, { ...given, depth: left }, inspect);
    if (text !== value) return typeof text === 'string' ? text.replaceAll('\n', `\n${' '.repeat(indent)}`) : write(text, depth, [...seen, value], options);
  }
  const tooDeep = options.depth !== null && depth > options.depth;
  if (tooDeep && typeof value === 'object' && !(value instanceof Error) && !(value instanceof Date) && !(value instanceof RegExp)) {
    return options.stylize(Array.isArray(value) ? '[Array]' : `[${className(value) || 'Object: null prototype'}]`, 'special');
  }
  const inner = [...seen, value];
  options.place.depth = depth;
  const show = (one) => write(one, depth + 1, inner, options);
  const shape = shapeOf(value, show, options);
  let keys = options.showHidden ? Object.getOwnPropertyNames(value) : Object.keys(value);
  if (shape.skipIndexes) keys = keys.filter((key) => !/^\d+$/.test(key));
  if (value instanceof Error) keys = keys.filter((key) => key !== 'stack' && key !== 'message');
  const symbols = Object.getOwnPropertySymbols(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
  if (value instanceof Error && value.cause !== undefined && !keys.includes('cause') && Object.prototype.hasOwnProperty.call(value, 'cause')) keys.push('cause');
  const properties = [...keys, ...symbols].map((key) => (key === 'cause' && value instanceof Error ? `[cause]: ${show(value.cause)}` : propertyText(value, key, show, options)));
  if (options.sorted) properties.sort(typeof options.sorted === 'function' ? options.sorted : undefined);
  const reference = options.circular.has(value) ? options.stylize(`<ref *${options.circular.get(value)}>`, 'special') : '';
  const mark = reference === '' ? '' : `${reference} `;
  if (shape.base !== undefined) {
    const base = shape.base.replaceAll('\n', `\n${' '.repeat(indent)}`);
    return properties.length === 0 ? `${mark}${base}` : layout(`${mark}${base} `, '{', '}', properties, depth, options);
  }
  return layout(`${mark}${shape.prefix}`, shape.open, shape.close, [...shape.entries, ...properties], depth, options);
}

const defaults = {
  showHidden: false, depth: 2, colors: false, customInspect: true, showProxy: false, maxArrayLength: 100, maxStringLength: 10000, breakLength: 128, compact: 3, sorted: false, getters: false,
  numericSeparator: false, stylize: plainStyle,
};

function inspect(value, given, depth) {
  const options = { ...defaults, breakLength: 80, ...changed(), stylize: plainStyle, circular: new Map(), place: { depth: 0 }, indentation: 0 };
  if (typeof given === 'boolean') Object.assign(options, { showHidden: given, ...(depth === undefined ? {} : { depth }) });
  else if (given) for (const name of Object.keys(given)) if (given[name] !== undefined) options[name] = given[name];
  if (options.depth === null) options.depth = Infinity;
  if (options.colors && options.stylize === plainStyle) options.stylize = colorStyle;
  if (options.maxArrayLength === null) options.maxArrayLength = Infinity;
  return write(value, 0, [], options);
}
inspect.custom = custom;
inspect.colors = colors;
inspect.styles = styles;
// What is read is live, as in Node: procfiles set members of it.
const { stylize, ...live } = defaults;
const changed = () => Object.fromEntries(Object.keys(live).filter((name) => live[name] !== defaults[name]).map((name) => [name, live[name]]));
Object.defineProperty(inspect, 'defaultOptions', {
  get: () => live,
  set(value) {
    if (typeof value !== 'object' || value === null) throw require('./errors').invalidArgument('options', 'of type object', value);
    Object.assign(live, value);
  },
});

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

function formatWithOptions(options, ...args) {
  const show = (value, more) => inspect(value, { ...options, ...more });
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
        case '%o': return show(value, { showHidden: true, showProxy: true, depth: 4 });
        case '%O': return show(value);
        default: return '';
      }
    });
  }
  const rest = args.slice(used).map((value) => (typeof value === 'string' ? value : show(value)));
  return used === 0 ? rest.join(' ') : [text, ...rest].join(' ');
}

const format = (...args) => formatWithOptions({}, ...args);

module.exports = { inspect, format, formatWithOptions, colors };
