'use strict';

// Strict evaluation, as `pandora validate` asks for it: what the reconciler refuses is noted, and the procfile goes on,
// so that all of it shows at once. What the procfile itself throws still ends it.

/** @typedef {import('./reconciler').Reconciler} Reconciler */

/**
 * @param {Reconciler} r @param {any} error
 * @returns {boolean} whether it is one of ours, and noted now
 */
function noted(r, error) {
  if (!(error instanceof Error) || !/^PANDORA_(?!UNSUPPORTED)/.test(String(/** @type {any} */ (error).code))) return false;
  r.note(error, r.here());
  return true;
}

/** @param {any} object @returns {Map<string, PropertyDescriptor>} of its classes, the nearest counts */
function members(object) {
  const found = new Map();
  for (let at = Object.getPrototypeOf(object); at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (name !== 'constructor' && !found.has(name)) found.set(name, Object.getOwnPropertyDescriptor(at, name));
    }
  }
  return found;
}

/**
 * Shadows the members of an object that a procfile gets: what they throw is noted, and so is setting what has no setter.
 * @param {Reconciler} r
 * @param {any} object
 * @param {string} owner for messages
 * @param {(member: string, given: any[]) => any} instead what a method that threw returns
 */
function watch(r, object, owner, instead) {
  for (const [name, member] of members(object)) {
    /** @param {any[]} given */
    const call = (...given) => {
      try {
        return member.value.apply(object, given);
      } catch (error) {
        if (!noted(r, error)) throw error;
        return instead(name, given);
      }
    };
    /** @param {any} value */
    const assign = (value) => {
      if (member.value !== undefined || !member.set) {
        r.unknownMember(owner, name);
        if (member.value !== undefined) Object.defineProperty(object, name, { value, writable: true, configurable: true });
        return;
      }
      try {
        member.set.call(object, value);
      } catch (error) {
        if (!noted(r, error)) throw error;
      }
    };
    Object.defineProperty(object, name, {
      get: () => (member.get ? member.get.call(object) : call), set: assign, configurable: true, enumerable: false,
    });
  }
  // A new member is set by way of the prototype. The object itself must stay what it is: it has private fields.
  Object.setPrototypeOf(object, new Proxy(Object.getPrototypeOf(object), {
    set(target, member, value, receiver) {
      if (typeof member === 'string') r.unknownMember(owner, member);
      return Reflect.defineProperty(receiver, member, { value, writable: true, configurable: true, enumerable: false });
    },
  }));
}

module.exports = { watch };
