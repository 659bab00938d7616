'use strict';

const equal = require('./equal');
const { inspect } = require('./inspect');

class AssertionError extends Error {
  constructor(options) {
    super(options.message === undefined ? `${inspect(options.actual)} ${options.operator} ${inspect(options.expected)}` : options.message);
    this.name = 'AssertionError';
    this.code = 'ERR_ASSERTION';
    this.generatedMessage = options.message === undefined;
    this.actual = options.actual;
    this.expected = options.expected;
    this.operator = options.operator;
  }
}

function demand(condition, message, actual, expected, operator) {
  if (condition) return;
  if (message instanceof Error) throw message;
  throw new AssertionError({ message, actual, expected, operator });
}

function assert(value, message) {
  demand(value, message === undefined ? 'The expression evaluated to a falsy value' : message, value, true, '==');
}

/** Whether a thrown error is of the expected kind: a class, a pattern, a predicate or an object of properties. */
function matches(error, expected) {
  if (expected === undefined) return true;
  if (expected instanceof RegExp) return expected.test(String(error));
  if (typeof expected !== 'function') {
    return Object.keys(expected).every((key) => (expected[key] instanceof RegExp && typeof error[key] === 'string' ? expected[key].test(error[key]) : equal(error[key], expected[key], true)));
  }
  if (expected.prototype !== undefined && error instanceof expected) return true;
  return !(expected === Error || Error.prototype.isPrototypeOf(expected.prototype)) && expected.call({}, error) === true;
}

function throws(body, expected, message) {
  const wanted = typeof expected === 'string' ? undefined : expected;
  let error;
  try {
    body();
  } catch (thrown) {
    error = { thrown };
  }
  demand(error !== undefined, message || (typeof expected === 'string' ? expected : 'Missing expected exception.'), undefined, wanted, 'throws');
  if (!matches(error.thrown, wanted)) throw error.thrown;
}

const methods = {
  ok: assert,
  equal: (a, b, message) => demand(a == b || (a !== a && b !== b), message, a, b, '=='), // eslint-disable-line eqeqeq
  notEqual: (a, b, message) => demand(a != b, message, a, b, '!='), // eslint-disable-line eqeqeq
  strictEqual: (a, b, message) => demand(Object.is(a, b), message, a, b, 'strictEqual'),
  notStrictEqual: (a, b, message) => demand(!Object.is(a, b), message, a, b, 'notStrictEqual'),
  deepEqual: (a, b, message) => demand(equal(a, b, false), message, a, b, 'deepEqual'),
  deepStrictEqual: (a, b, message) => demand(equal(a, b, true), message, a, b, 'deepStrictEqual'),
  notDeepEqual: (a, b, message) => demand(!equal(a, b, false), message, a, b, 'notDeepEqual'),
  notDeepStrictEqual: (a, b, message) => demand(!equal(a, b, true), message, a, b, 'notDeepStrictEqual'),
  match: (text, pattern, message) => demand(typeof text === 'string' && pattern.test(text), message, text, pattern, 'match'),
  doesNotMatch: (text, pattern, message) => demand(!pattern.test(text), message, text, pattern, 'doesNotMatch'),
  throws,
  doesNotThrow: (body) => { body(); },
  rejects: async (promise, expected, message) => {
    let error;
    try {
      await (typeof promise === 'function' ? promise() : promise);
    } catch (thrown) {
      error = { thrown };
    }
    demand(error !== undefined, message || 'Missing expected rejection.', undefined, expected, 'rejects');
    if (!matches(error.thrown, expected)) throw error.thrown;
  },
  doesNotReject: async (promise) => { await (typeof promise === 'function' ? promise() : promise); },
  ifError(value) {
    if (value !== null && value !== undefined) throw value instanceof Error ? value : new AssertionError({ message: `ifError got unwanted exception: ${inspect(value)}`, actual: value, expected: null, operator: 'ifError' });
  },
  fail(message = 'Failed') {
    demand(false, message, undefined, undefined, 'fail');
  },
  AssertionError,
};

module.exports = Object.assign(assert, methods);
assert.strict = Object.assign((value, message) => assert(value, message), methods, {
  equal: methods.strictEqual, notEqual: methods.notStrictEqual, deepEqual: methods.deepStrictEqual, notDeepEqual: methods.notDeepStrictEqual,
});
assert.strict.strict = assert.strict;
