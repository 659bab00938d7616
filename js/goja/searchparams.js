'use strict';

const plus = (text) => encodeURIComponent(text.toWellFormed ? text.toWellFormed() : text).replace(/%20/g, '+').replace(/[!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function plain(text) {
  const spaced = text.replace(/\+/g, ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

function parse(text) {
  return text.replace(/^\?/, '').split('&').filter((pair) => pair !== '').map((pair) => {
    const cut = pair.indexOf('=');
    return cut < 0 ? [plain(pair), ''] : [plain(pair.slice(0, cut)), plain(pair.slice(cut + 1))];
  });
}

/** The WHATWG URLSearchParams; changed, if given, is told the new text after each change. */
class URLSearchParams {
  #list;
  #changed;
  constructor(init = '', changed = undefined) {
    if (typeof init === 'object' && init !== null) {
      const pairs = typeof init[Symbol.iterator] === 'function' ? [...init] : Object.keys(init).map((name) => [name, init[name]]);
      this.#list = pairs.map((pair) => {
        const both = [...pair];
        if (both.length !== 2) throw Object.assign(new TypeError('Each query pair must be an iterable [name, value] tuple'), { code: 'ERR_INVALID_TUPLE' });
        return both.map(String);
      });
    } else this.#list = parse(String(init));
    if (typeof changed === 'function') this.#changed = changed;
  }
  #set(list) {
    this.#list = list;
    if (this.#changed) this.#changed(this.toString());
  }
  get size() { return this.#list.length; }
  append(name, value) { this.#set([...this.#list, [String(name), String(value)]]); }
  delete(name, value) { this.#set(this.#list.filter(([n, v]) => n !== String(name) || (value !== undefined && v !== String(value)))); }
  get(name) {
    const found = this.#list.find(([n]) => n === String(name));
    return found ? found[1] : null;
  }
  getAll(name) { return this.#list.filter(([n]) => n === String(name)).map(([, value]) => value); }
  has(name, value) { return this.#list.some(([n, v]) => n === String(name) && (value === undefined || v === String(value))); }
  set(name, value) {
    const key = String(name);
    const first = this.#list.findIndex(([n]) => n === key);
    if (first < 0) this.append(key, value);
    else this.#set(this.#list.filter(([n], i) => n !== key || i === first).map(([n, v], i) => (i === first ? [n, String(value)] : [n, v])));
  }
  sort() { this.#set(this.#list.slice().sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))); }
  forEach(callback, self) { for (const [name, value] of this.#list) callback.call(self, value, name, this); }
  * entries() { for (const [name, value] of this.#list) yield [name, value]; }
  * keys() { for (const [name] of this.#list) yield name; }
  * values() { for (const [, value] of this.#list) yield value; }
  [Symbol.iterator]() { return this.entries(); }
  toString() { return this.#list.map(([name, value]) => `${plus(name)}=${plus(value)}`).join('&'); }
  [Symbol.for('nodejs.util.inspect.custom')](depth, options, inspect) {
    if (this.#list.length === 0) return 'URLSearchParams {}';
    return `URLSearchParams { ${this.#list.map(([name, value]) => `${inspect(name)} => ${inspect(value)}`).join(', ')} }`;
  }
}
Object.defineProperty(URLSearchParams.prototype, Symbol.toStringTag, { value: 'URLSearchParams', configurable: true });

module.exports = { URLSearchParams };
