'use strict';

// A function whose prototypes are like those of an async generator function, which goja has not: for libraries that
// look for the prototype of all async iterators.

const tag = (value) => ({ value, configurable: true });

const AsyncIteratorPrototype = Object.defineProperty({}, Symbol.asyncIterator, {
  value: { [Symbol.asyncIterator]() { return this; } }[Symbol.asyncIterator], writable: true, configurable: true,
});
const foreign = () => Promise.reject(new TypeError('next method called on incompatible receiver'));
const AsyncGeneratorPrototype = Object.create(AsyncIteratorPrototype, {
  next: { value: foreign, writable: true, configurable: true },
  return: { value: foreign, writable: true, configurable: true },
  throw: { value: foreign, writable: true, configurable: true },
  [Symbol.toStringTag]: tag('AsyncGenerator'),
});
const AsyncGeneratorFunctionPrototype = Object.create(Function.prototype, {
  prototype: tag(AsyncGeneratorPrototype),
  [Symbol.toStringTag]: tag('AsyncGeneratorFunction'),
});
Object.defineProperty(AsyncGeneratorPrototype, 'constructor', tag(AsyncGeneratorFunctionPrototype));

const example = function () {};
example.prototype = Object.create(AsyncGeneratorPrototype);

module.exports = Object.setPrototypeOf(example, AsyncGeneratorFunctionPrototype);
