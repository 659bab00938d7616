'use strict';

// Makes an imitation of a core module from its shape (shapes/*.json, written by engine/testdata/record-shapes.js): the
// names, kinds, plain values, classes and prototypes that Node has. Everything can be loaded, read, destructured and
// extended; what is called is reported as unsupported, upon which Node decides, unless the caller gives it a meaning.

const native = require('pandora:binding');
const { refuse, inert } = require('pandora:loader');

/** A parent class by its name in a shape: "Socket" of the same module or "net.Socket". */
function find(name, classes, load = require) {
  const dot = name.indexOf('.');
  if (dot < 0) return classes(name);
  const module = load(name.slice(0, dot));
  return name === 'events.EventEmitter' ? module : module[name.slice(dot + 1)];
}

const named = (f, name, length) => Object.defineProperties(f, {
  name: { value: name, configurable: true },
  length: { value: length, configurable: true },
});

/** The classes that cannot be called without new. */
const strict = new WeakSet();

/** A function that cannot be used. */
function refusing(what, name, length) {
  return named(function () { return refuse(what); }, name, length);
}

const hidden = (value) => ({ value, writable: true, configurable: true, enumerable: false });

/**
 * @param {string} module
 * @param {string} name
 * @param {{length: number, members: string[], strict?: boolean, parent?: string, statics?: object}} shape
 * @param {((this: object, ...args: any[]) => void) | undefined} init what construction does; without it, it is refused.
 *   init.forward gives the arguments for the parent's constructor (none otherwise), init.alone leaves that out
 * @param {(name: string) => Function} classes
 * @param {(module: string) => any} [load]
 */
function makeClass(module, name, shape, init, classes, load) {
  const what = `${module}.${name}`;
  const Parent = shape.parent && find(shape.parent, classes, load);
  const begin = init || (() => refuse(what));
  let Made;
  if (shape.strict && Parent) {
    Made = class extends Parent {
      constructor(...args) {
        if (!init) refuse(what);
        super(...(init.forward ? init.forward(args) : []));
        init.apply(this, args);
      }
    };
  } else if (shape.strict) {
    Made = class {
      constructor(...args) { begin.apply(this, args); }
    };
  } else {
    // Old code calls such a constructor without new, also on an object of its own.
    let Base = Parent;
    while (strict.has(Base)) Base = Object.getPrototypeOf(Base);
    Made = function (...args) {
      if (!(this instanceof Made)) return new Made(...args);
      if (init && Base && !init.alone) Base.apply(this, init.forward ? init.forward(args) : []);
      begin.apply(this, args);
      return undefined;
    };
    if (Parent) {
      Object.setPrototypeOf(Made.prototype, Parent.prototype);
      Object.setPrototypeOf(Made, Parent);
    }
  }
  if (shape.strict) strict.add(Made);
  named(Made, shape.called || name.replace('~', ''), shape.length);
  for (const member of shape.members) addMember(Made.prototype, member, what, !shape.strict);
  for (const [key, value] of Object.entries(shape.statics || {})) {
    const descriptor = { configurable: true, enumerable: !shape.strict };
    if (value === 'object') lazily(Made, key, descriptor, () => inertObject(`${what}.${key}`));
    else {
      const made = typeof value === 'string' ? refusing(`${what}.${key}`, key, Number(value.split(' ')[1])) : value.value;
      Object.defineProperty(Made, key, { ...descriptor, value: made, writable: true });
    }
  }
  return Made;
}

function addMember(prototype, member, what, enumerable) {
  const [first, second] = member.split(' ');
  const name = first.slice(1);
  if (first[0] === ':') {
    // Such a property tells of a connection; there is none.
    Object.defineProperty(prototype, name, {
      get() { return undefined; },
      set(value) { Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true }); },
      configurable: true,
      enumerable,
    });
  } else if (first[0] === '=') Object.defineProperty(prototype, name, { value: undefined, writable: true, configurable: true, enumerable });
  else Object.defineProperty(prototype, first, { value: refusing(`${what}.${first}`, first, Number(second)), writable: true, configurable: true, enumerable });
}

/**
 * @param {string} module the name of the core module
 * @param {object} [meaning]
 * @param {Record<string, any>} [meaning.exports] values instead of the imitations
 * @param {string[] | Record<string, Function>} [meaning.constructible] classes whose construction has no effect, or what
 *   it does besides constructing the parent
 * @param {Record<string, Record<string, any>>} [meaning.methods] class → members of the prototype that work
 * @param {any} [meaning.target] the object that becomes the module; a plain one if not given
 * @param {string} [meaning.table] where the shape is, if not in shapes/
 * @param {(name: string) => any} [meaning.load] finds the modules that the shape refers to
 * @returns {any}
 */
function build(module, meaning = {}) {
  const shape = native.embeddedJSON(meaning.table || `shapes/${module.replace('/', '-')}`);
  const { exports = Object.create(null), constructible = [], methods = {}, target = {}, load } = meaning;
  const inits = Array.isArray(constructible) ? Object.fromEntries(constructible.map((name) => [name, () => {}])) : constructible;
  const made = Object.create(null);
  const classes = (name) => {
    if (name in exports) return exports[name];
    if (!made[name]) {
      // A hidden base of a class that can be made can be made, too.
      const init = inits[name] || (shape.names[name] === undefined ? () => {} : undefined);
      made[name] = makeClass(module, name, shape.classes[name], init, classes, load);
      for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(methods[name] || {}))) {
        Object.defineProperty(made[name].prototype, key, { ...descriptor, enumerable: !shape.classes[name].strict });
      }
    }
    return made[name];
  };
  for (const [name, what] of Object.entries(shape.names)) {
    const words = typeof what === 'string' ? what.split(' ') : [];
    const isHidden = words[0] === 'hidden' || Boolean(what.hidden);
    if (words[0] === 'hidden') words.shift();
    const descriptor = { configurable: true, enumerable: !isHidden };
    if (name in exports) Object.defineProperty(target, name, { ...descriptor, ...Object.getOwnPropertyDescriptor(exports, name), enumerable: !isHidden });
    else if (words[0] === 'function') Object.defineProperty(target, name, { ...descriptor, value: refusing(`${module}.${name}`, name, Number(words[1])), writable: true });
    else if (words[0] === 'throws') Object.defineProperty(target, name, { ...descriptor, get: () => refuse(`${module}.${name}`) });
    else if (words[0] === 'from') lazily(target, name, descriptor, () => load(words[1])[words[2]]);
    else if (words[0] === 'class') lazily(target, name, descriptor, () => classes(words[1]));
    else if (words[0] === 'object') lazily(target, name, descriptor, () => inertObject(`${module}.${name}`));
    else Object.defineProperty(target, name, { ...descriptor, value: words[0] === 'symbol' ? Symbol(name) : what.value, writable: true });
  }
  return target;
}

/** An object of unknown members, each of which is refused when it is used. */
function inertObject(what) {
  const members = Object.create(null);
  return new Proxy(members, {
    get(_, key) {
      if (key in members) return members[key];
      if (typeof key === 'symbol' || key === 'then' || key === 'toJSON' || key === '__esModule') return undefined;
      return (members[key] = inert(`${what}.${key}`));
    },
    ownKeys: () => refuse(what),
    has: () => refuse(what),
  });
}

/** Defines a property that is made when it is first read: most of a module never is. */
function lazily(target, name, descriptor, make) {
  const settle = (value) => Object.defineProperty(target, name, { ...descriptor, value, writable: true });
  Object.defineProperty(target, name, {
    ...descriptor,
    get() {
      const value = make();
      settle(value);
      return value;
    },
    set: settle,
  });
}

build.refuse = refuse;
build.inertObject = inertObject;
build.hidden = hidden;
build.lazily = lazily;
module.exports = build;
