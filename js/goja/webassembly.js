'use strict';

// There is no WebAssembly here. Its use fails in JavaScript's own way: libraries that can do without catch the error,
// and what cannot do without fails, upon which Node decides.

class CompileError extends Error {}
class LinkError extends Error {}
class RuntimeError extends Error {}
for (const Kind of [CompileError, LinkError, RuntimeError]) Object.defineProperty(Kind.prototype, 'name', { value: Kind.name, writable: true, configurable: true });

const fail = (name) => new CompileError(`WebAssembly.${name} is not available while the structure of an application is evaluated`);
const members = { CompileError, LinkError, RuntimeError, validate: () => false };
for (const name of ['Module', 'Instance', 'Memory', 'Table', 'Global', 'Tag', 'Exception']) {
  members[name] = { [name]: class { constructor() { throw fail(name); } } }[name];
}
for (const name of ['compile', 'instantiate', 'compileStreaming', 'instantiateStreaming']) {
  members[name] = { [name]: () => Promise.reject(fail(name)) }[name];
}
const webAssembly = {};
for (const [name, value] of Object.entries(members)) {
  Object.defineProperty(webAssembly, name, { value, writable: true, configurable: true, enumerable: false });
}
Object.defineProperty(webAssembly, Symbol.toStringTag, { value: 'WebAssembly', configurable: true });

module.exports = webAssembly;
