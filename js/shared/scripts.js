'use strict';

// Indicators, reporters and hooks of a procfile: what the daemon side of an application runs. Everybody who evaluates the
// procfile checks and keeps them; only the script host calls their functions.

const check = require('./check');
const { unwrap } = require('./entry');

/** @typedef {import('./host').Place} Place */

/**
 * @typedef {object} IndicatorDefinition
 * @property {string} name
 * @property {string} group
 * @property {string | undefined} type of a built-in one
 * @property {Record<string, any>} options what is neither of the others, as JSON carries it
 * @property {number} intervalMs
 * @property {number} timeoutMs
 * @property {boolean} critical
 * @property {Function | null} fn null for a built-in one
 * @property {Place | null} place
 */

/** @typedef {{name: string, options: Record<string, any>, Class: any, place: Place | null}} ReporterDefinition Class: null for a built-in one */
/** @typedef {{event: string, fn: Function, place: Place | null}} HookDefinition */
/** @typedef {{indicators: IndicatorDefinition[], reporters: ReporterDefinition[], hooks: HookDefinition[]}} Scripts */

/** The indicators that need no function. */
const TYPES = ['mysql', 'redis', 'port', 'rpc', 'disk_space', 'process', 'event_loop', 'memory'];
const EVENTS = ['crash', 'down', 'up', 'reload'];
const DEFAULT_INTERVAL_MS = 5000;
const DEFAULT_TIMEOUT_MS = 3000;
/** Of each kind in one application; the same as procfile.MaxScripts. */
const MAX = 1000;
/** Characters of the options of one, as JSON. */
const MAX_OPTIONS = 65536;

/** @param {string} what @param {string} expected @param {any} value */
function wrong(what, expected, value) {
  return check.problem('PANDORA_SCRIPT', `${what} expects ${expected}, got ${check.show(value)}`);
}

/** @param {any} value @returns {value is Record<string, any>} */
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** @param {any} value @param {string} what @param {number} least @param {number} most @param {number} instead */
function milliseconds(value, what, least, most, instead) {
  if (value === undefined) return instead;
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw wrong(what, `whole milliseconds from ${least} to ${most}`, value);
}

/**
 * @param {Record<string, any>} value @param {string} what
 * @returns {Record<string, any>} a copy as JSON carries it
 */
function plainOptions(value, what) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch {
    throw check.problem('PANDORA_SCRIPT', `${what}: its options refer to themselves, expected what JSON can carry`);
  }
  if (text.length > MAX_OPTIONS) {
    throw check.problem('PANDORA_SCRIPT', `${what}: its options have ${text.length} characters, expected at most ${MAX_OPTIONS}`);
  }
  return JSON.parse(text);
}

/** @param {any[]} list @param {string} what */
function room(list, what) {
  if (list.length >= MAX) throw check.problem('PANDORA_SCRIPT', `${what}: an application may have ${MAX} of them`);
}

/**
 * The type of a built-in indicator; undefined for a scripted one.
 * @param {string} what @param {any} type @param {any} fn
 * @returns {string | undefined}
 */
function typeOf(what, type, fn) {
  if (fn !== undefined) {
    if (typeof fn !== 'function') throw wrong(what, 'a function', fn);
    if (type !== undefined) throw check.problem('PANDORA_SCRIPT', `${what} has a function and the type ${check.show(type)}, expected one of them`);
    return undefined;
  }
  if (type === undefined) throw check.problem('PANDORA_SCRIPT', `${what} expects a function, or the type of a built-in one: ${TYPES.join(', ')}`);
  if (!TYPES.includes(type)) throw wrong(what, `a type of ${TYPES.join(', ')}`, type);
  return type;
}

/**
 * indicator(name, options, fn), indicator(name, fn) or, built in, indicator(name, options).
 * @param {Scripts} scripts @param {any[]} given @param {Place | null} place
 */
function indicator(scripts, given, place) {
  const name = check.checkName(given[0], 'pandora.indicator()');
  const what = `indicator "${name}"`;
  const short = typeof given[1] === 'function';
  const options = short || given[1] === undefined ? {} : given[1];
  if (!isObject(options)) throw wrong(what, "options like { group: 'health', intervalMs: 5000 }", options);
  const { group = 'health', type, intervalMs, timeoutMs, critical = true, ...rest } = options;
  const fn = short ? given[1] : given[2];
  const builtin = typeOf(what, type, fn);
  check.checkName(group, `${what}: group`);
  if (builtin !== undefined && group !== 'health') throw wrong(what, "the group 'health', as every built-in one", group);
  if (typeof critical !== 'boolean') throw wrong(`${what}: critical`, 'true or false', critical);
  if (scripts.indicators.some((other) => other.name === name && other.group === group)) {
    throw check.problem('PANDORA_DUPLICATE', `${what} of the group "${group}" exists already; give it another name`);
  }
  room(scripts.indicators, what);
  scripts.indicators.push({
    name,
    group,
    type: builtin,
    options: plainOptions(rest, what),
    intervalMs: milliseconds(intervalMs, `${what}: intervalMs`, 100, 86400000, DEFAULT_INTERVAL_MS),
    timeoutMs: milliseconds(timeoutMs, `${what}: timeoutMs`, 10, 60000, DEFAULT_TIMEOUT_MS),
    critical,
    fn: builtin === undefined ? fn : null,
    place,
  });
}

/**
 * reporter(name, options?), or scripted: reporter(name, Class, options?).
 * @param {Scripts} scripts @param {any[]} given @param {Place | null} place
 */
function reporter(scripts, given, place) {
  const name = check.checkName(given[0], 'pandora.reporter()');
  const what = `reporter "${name}"`;
  const own = unwrap(given[1]);
  const Class = typeof own === 'function' ? own : null;
  const options = (Class ? given[2] : given[1]) ?? {};
  if (!isObject(options)) throw wrong(what, 'a class, or options like { enabled: true }', options);
  if (scripts.reporters.some((other) => other.name === name)) {
    throw check.problem('PANDORA_DUPLICATE', `${what} exists already; give it another name`);
  }
  room(scripts.reporters, what);
  scripts.reporters.push({ name, options: plainOptions(options, what), Class, place });
}

/**
 * on(event, fn).
 * @param {Scripts} scripts @param {any[]} given @param {Place | null} place
 */
function on(scripts, [event, fn], place) {
  if (!EVENTS.includes(event)) throw wrong('pandora.on()', `an event of ${EVENTS.join(', ')}`, event);
  if (typeof fn !== 'function') throw wrong(`pandora.on('${event}')`, 'a function', fn);
  room(scripts.hooks, `pandora.on('${event}')`);
  scripts.hooks.push({ event, fn, place });
}

/** @param {Place | null} place */
const text = (place) => (place ? `${place.file}:${place.line}:${place.column}` : '');

/**
 * The members of the structure record; none for an application without.
 * @param {Scripts} scripts
 */
function record({ indicators, reporters, hooks }) {
  return {
    ...(indicators.length > 0 && {
      indicators: indicators.map(({ fn, place, type, ...shown }) => ({
        ...shown, ...(type !== undefined && { type }), scripted: fn !== null, at: text(place),
      })),
    }),
    ...(reporters.length > 0 && {
      reporters: reporters.map(({ name, options, Class, place }) => ({ name, options, scripted: Class !== null, at: text(place) })),
    }),
    ...(hooks.length > 0 && { hooks: hooks.map(({ event, place }) => ({ event, at: text(place) })) }),
  };
}

module.exports = { EVENTS, TYPES, indicator, reporter, on, record };
