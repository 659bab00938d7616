'use strict';

// Intl for English, as far as code asks for it while it is loaded. Whatever would need the data of other languages or
// zones is Node's to answer.

const { refuse } = require('pandora:loader');
const native = require('pandora:binding');

function localeOf(locales, what) {
  const first = Array.isArray(locales) ? locales[0] : locales;
  if (first === undefined) return 'en-US';
  const text = String(first);
  if (!/^[a-z]{2,8}(-[a-z0-9]{1,8})*$/i.test(text)) throw new RangeError(`Incorrect locale information provided`);
  if (!/^en(-US)?$/i.test(text)) refuse(`${what} for ${text}`);
  return text;
}

const supported = { supportedLocalesOf: (locales) => [].concat(locales ?? []).filter((one) => /^en\b/i.test(one)) };

/** The name of the local time zone: TZ, else where the system's zone file lies. */
let zone;
function localZone() {
  if (process.env.TZ) return process.env.TZ.replace(/^:/, '');
  if (zone === undefined) {
    const link = native.fs('readlink', '/etc/localtime');
    const found = typeof link === 'string' ? /zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec(link) : null;
    zone = found && !/^(Etc\/)?(UTC|UCT|Universal|Zulu)$/.test(found[1]) ? found[1] : 'UTC';
  }
  return zone;
}

/** Rounds the decimal digits of a number, as they are written, half away from zero. */
function round(value, digits) {
  const [mantissa, exponent = '0'] = String(Math.abs(value)).split('e');
  const [whole, fraction = ''] = mantissa.split('.');
  const shift = Number(exponent);
  const all = whole + fraction;
  const point = whole.length + shift;
  const padded = point <= 0 ? '0'.repeat(1 - point) + all : all.padEnd(point, '0');
  const at = point <= 0 ? 1 : point;
  const kept = padded.slice(0, at + digits).padEnd(at + digits, '0');
  let number = BigInt(kept);
  if (padded.charCodeAt(at + digits) >= 53) number += 1n;
  const text = String(number).padStart(digits + 1, '0');
  return digits === 0 ? [text, ''] : [text.slice(0, -digits), text.slice(-digits)];
}

class NumberFormat {
  #options;
  constructor(locales, options = {}) {
    this.locale = localeOf(locales, 'Intl.NumberFormat');
    for (const name of Object.keys(options)) {
      if (!['style', 'minimumFractionDigits', 'maximumFractionDigits', 'minimumIntegerDigits', 'useGrouping'].includes(name) && options[name] !== undefined) refuse(`Intl.NumberFormat with ${name}`);
    }
    const style = options.style ?? 'decimal';
    if (style !== 'decimal' && style !== 'percent') refuse(`Intl.NumberFormat with style ${style}`);
    const minimum = options.minimumFractionDigits ?? 0;
    const maximum = options.maximumFractionDigits ?? Math.max(minimum, style === 'percent' ? 0 : 3);
    if (!(minimum >= 0 && minimum <= maximum && maximum <= 100)) throw new RangeError('maximumFractionDigits value is out of range.');
    this.#options = { style, minimum, maximum, whole: options.minimumIntegerDigits ?? 1, grouping: options.useGrouping ?? true };
    Object.defineProperty(this, 'format', { value: this.#format.bind(this), enumerable: false });
    Object.defineProperty(this, 'locale', { enumerable: false });
  }
  #format(given) {
    const { style, minimum, maximum, whole, grouping } = this.#options;
    const value = typeof given === 'bigint' ? given : Number(given);
    if (Number.isNaN(value)) return 'NaN';
    const sign = value < 0 || Object.is(value, -0) ? '-' : '';
    const scaled = style === 'percent' ? Number(value) * 100 : value;
    const percent = style === 'percent' ? '%' : '';
    if (scaled === Infinity || scaled === -Infinity) return `${sign}∞${percent}`;
    const [integer, fraction] = typeof scaled === 'bigint' ? [String(scaled < 0n ? -scaled : scaled), ''] : round(scaled, maximum);
    const padded = integer.padStart(whole, '0');
    const grouped = grouping === false ? padded : padded.replace(/\B(?=(\d{3})+$)/g, ',');
    const short = fraction.replace(/0+$/, '').padEnd(minimum, '0');
    return `${sign}${grouped}${short === '' ? '' : `.${short}`}${percent}`;
  }
  resolvedOptions() {
    const { style, minimum, maximum, whole, grouping } = this.#options;
    return {
      locale: this.locale, numberingSystem: 'latn', style, minimumIntegerDigits: whole, minimumFractionDigits: minimum, maximumFractionDigits: maximum,
      useGrouping: grouping === true ? 'auto' : grouping, notation: 'standard', signDisplay: 'auto', roundingIncrement: 1, roundingMode: 'halfExpand', roundingPriority: 'auto', trailingZeroDisplay: 'auto',
    };
  }
}

class DateTimeFormat {
  #utc;
  #zone;
  #parts;
  constructor(locales, options = {}) {
    this.locale = localeOf(locales, 'Intl.DateTimeFormat');
    for (const name of Object.keys(options)) {
      if (name !== 'timeZone' && options[name] !== undefined) refuse(`Intl.DateTimeFormat with ${name}`);
    }
    this.#zone = options.timeZone === undefined ? localZone() : String(options.timeZone);
    this.#utc = /^(etc\/)?(utc|gmt)$/i.test(this.#zone);
    if (!this.#utc && this.#zone !== localZone()) refuse(`Intl.DateTimeFormat for the time zone ${this.#zone}`);
    if (this.#utc) this.#zone = 'UTC';
    Object.defineProperty(this, 'format', { value: (date) => this.formatToParts(date).map((part) => part.value).join(''), enumerable: false });
    Object.defineProperty(this, 'locale', { enumerable: false });
  }
  formatToParts(given) {
    const date = given === undefined ? new Date() : new Date(given);
    if (Number.isNaN(date.getTime())) throw new RangeError('Invalid time value');
    const [year, month, day] = this.#utc ? [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()] : [date.getFullYear(), date.getMonth(), date.getDate()];
    const literal = { type: 'literal', value: '/' };
    return [{ type: 'month', value: String(month + 1) }, literal, { type: 'day', value: String(day) }, { ...literal }, { type: 'year', value: String(year) }];
  }
  formatRange(from, to) { return this.format(from) === this.format(to) ? this.format(from) : `${this.format(from)}\u2009–\u2009${this.format(to)}`; }
  resolvedOptions() {
    return { locale: this.locale, calendar: 'gregory', numberingSystem: 'latn', timeZone: this.#zone, year: 'numeric', month: 'numeric', day: 'numeric' };
  }
}

class Collator {
  #options;
  constructor(locales, options = {}) {
    this.#options = { locale: localeOf(locales, 'Intl.Collator'), numeric: Boolean(options.numeric), sensitivity: options.sensitivity ?? 'variant' };
    Object.defineProperty(this, 'compare', { value: this.#compare.bind(this), enumerable: false });
  }
  #compare(a, b) {
    const parts = (value) => (this.#options.numeric ? String(value).split(/(\d+)/) : [String(value)]);
    const [left, right] = [parts(a), parts(b)];
    const plain = (text) => text.normalize('NFD').replace(/[\u0300-\u036f]/g, '');
    // Letters weigh more than accents, accents more than case, wherever in the text they are.
    const levels = { base: [(text) => plain(text).toLowerCase()], accent: [(text) => text.toLowerCase()], case: [plain], variant: [(text) => plain(text).toLowerCase(), (text) => text.toLowerCase(), (text) => text] };
    for (const level of levels[this.#options.sensitivity] ?? levels.variant) {
      for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
        const [x, y] = [left[i] ?? '', right[i] ?? ''];
        const order = i % 2 === 1 ? Math.sign(Number(x) - Number(y)) : level(x).localeCompare(level(y));
        if (order !== 0) return Math.sign(order);
      }
    }
    return 0;
  }
  resolvedOptions() {
    const { locale, numeric, sensitivity } = this.#options;
    return { locale, usage: 'sort', sensitivity, ignorePunctuation: false, collation: 'default', numeric, caseFirst: 'false' };
  }
}

class PluralRules {
  #ordinal;
  constructor(locales, options = {}) {
    localeOf(locales, 'Intl.PluralRules');
    this.#ordinal = options.type === 'ordinal';
  }
  select(given) {
    const n = Number(given);
    if (!this.#ordinal) return n === 1 ? 'one' : 'other';
    const [ten, hundred] = [n % 10, n % 100];
    if (ten === 1 && hundred !== 11) return 'one';
    if (ten === 2 && hundred !== 12) return 'two';
    return ten === 3 && hundred !== 13 ? 'few' : 'other';
  }
  resolvedOptions() { return { locale: 'en-US', type: this.#ordinal ? 'ordinal' : 'cardinal' }; }
}

class ListFormat {
  #options;
  constructor(locales, options = {}) {
    localeOf(locales, 'Intl.ListFormat');
    this.#options = { type: options.type ?? 'conjunction', style: options.style ?? 'long' };
  }
  format(list) {
    const all = [...list];
    const { type, style } = this.#options;
    const word = type === 'unit' ? '' : type === 'disjunction' ? 'or ' : style === 'long' ? 'and ' : style === 'short' ? '& ' : '';
    const comma = type === 'unit' && style === 'narrow' ? ' ' : ', ';
    if (all.length < 2) return all.join('');
    if (all.length === 2) return word === '' ? all.join(comma) : `${all[0]} ${word}${all[1]}`;
    return `${all.slice(0, -1).join(comma)}${comma}${word}${all[all.length - 1]}`;
  }
}

/** Characters as a reader sees them: a code point with what joins it. */
const grapheme = /\r\n|[\u{1f1e6}-\u{1f1ff}]{2}|[\s\S](?:[\u0300-\u036f\u20d0-\u20ff\ufe00-\ufe0f\u{1f3fb}-\u{1f3ff}]|\u200d[\s\S])*/gu;

class Segmenter {
  #granularity;
  constructor(locales, options = {}) {
    localeOf(locales, 'Intl.Segmenter');
    this.#granularity = options.granularity ?? 'grapheme';
  }
  segment(text) {
    if (this.#granularity !== 'grapheme') refuse(`Intl.Segmenter by ${this.#granularity}`);
    const input = String(text);
    return {
      * [Symbol.iterator]() { for (const match of input.matchAll(grapheme)) yield { segment: match[0], index: match.index, input }; },
      containing: () => refuse('Intl.Segmenter#containing'),
    };
  }
  resolvedOptions() { return { locale: 'en-US', granularity: this.#granularity }; }
}

/** Also callable without new, as the specification has it for these two. */
const callable = (Type) => Object.assign(function (...args) { return new Type(...args); }, supported);
function exported(Type, name) {
  const wrapped = callable(Type);
  wrapped.prototype = Type.prototype;
  Object.defineProperty(wrapped, 'name', { value: name });
  Object.defineProperty(Type.prototype, 'constructor', { value: wrapped, writable: true, configurable: true });
  return wrapped;
}

const unknown = (name) => Object.defineProperty(function () { refuse(`Intl.${name}`); }, 'name', { value: name });

const Intl = {};
const members = {
  getCanonicalLocales: (locales) => [].concat(locales ?? []).map(String),
  supportedValuesOf: () => refuse('Intl.supportedValuesOf'),
  DateTimeFormat: exported(DateTimeFormat, 'DateTimeFormat'),
  NumberFormat: exported(NumberFormat, 'NumberFormat'),
  Collator: exported(Collator, 'Collator'),
  PluralRules: Object.assign(PluralRules, supported),
  ListFormat: Object.assign(ListFormat, supported),
  Segmenter: Object.assign(Segmenter, supported),
  RelativeTimeFormat: unknown('RelativeTimeFormat'),
  DisplayNames: unknown('DisplayNames'),
  Locale: unknown('Locale'),
};
for (const name of Object.keys(members)) Object.defineProperty(Intl, name, { value: members[name], writable: true, configurable: true, enumerable: false });
Object.defineProperty(Intl, Symbol.toStringTag, { value: 'Intl', configurable: true });

function dateText(date, locales, options, parts) {
  if (Number.isNaN(date.getTime())) return 'Invalid Date';
  const formatter = new DateTimeFormat(locales, options);
  const utc = formatter.resolvedOptions().timeZone === 'UTC';
  const [hour, minute, second] = utc ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()] : [date.getHours(), date.getMinutes(), date.getSeconds()];
  const two = (n) => String(n).padStart(2, '0');
  const time = `${hour % 12 || 12}:${two(minute)}:${two(second)} ${hour < 12 ? 'AM' : 'PM'}`;
  return parts === 'date' ? formatter.format(date) : parts === 'time' ? time : `${formatter.format(date)}, ${time}`;
}

module.exports = { Intl, dateText };
