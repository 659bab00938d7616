'use strict';

/**
 * Stand-ins for core modules that a structure evaluation has no business with (sockets, threads, streams…). They can
 * be loaded, destructured and extended, so that files which need them at run time can still be read; the first call,
 * construction, iteration or conversion is reported as unsupported, upon which Node decides.
 * @param {string} name what the user would have to have at hand, such as "http"
 * @param {(name: string) => never} refuse throws the typed error
 * @param {Record<string, unknown>} [facts] members whose value is known and harmless
 * @returns {any}
 */
module.exports = function inert(name, refuse, facts) {
  /** @type {Map<PropertyKey, any>} */
  const members = new Map(Object.entries(facts ?? {}));
  const refuseUse = () => refuse(name);
  // A plain function as target keeps `class X extends http.Server` legal.
  const target = function () {};
  return new Proxy(target, {
    get(_, key) {
      if (key === 'prototype') return target.prototype;
      if (key === '__esModule' || key === 'then') return undefined;
      if (typeof key === 'symbol') return key === Symbol.hasInstance ? Function.prototype[Symbol.hasInstance] : refuseUse();
      if (!members.has(key)) members.set(key, inert(`${name}.${key}`, refuse));
      return members.get(key);
    },
    set(_, key, value) {
      members.set(key, value);
      return true;
    },
    has: refuseUse,
    ownKeys: refuseUse,
    apply: refuseUse,
    construct: refuseUse,
  });
};
