'use strict';

const equal = require('./equal');
const { inspect } = require('./inspect');
const { invalidArgument, checkFunction } = require('./errors');

const titles = {
  deepStrictEqual: 'Expected values to be strictly deep-equal:', strictEqual: 'Expected values to be strictly equal:', deepEqual: 'Expected values to be loosely deep-equal:',
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:', notStrictEqual: 'Expected "actual" to be strictly unequal to:', notDeepEqual: 'Expected values not to be loosely deep-equal:',
};

/** What Node says first; its marked differences are left to it. */
function messageOf({ actual, expected, operator }) {
  const title = titles[operator];
  if (title === undefined) return `${inspect(actual)} ${operator} ${inspect(expected)}`;
  if (operator === 'notStrictEqual' || operator === 'notDeepStrictEqual') {
    const shown = inspect(actual);
    return `${title}${shown.includes('\n') || operator === 'notDeepStrictEqual' ? `\n\n${shown}` : ` ${shown}`}`;
  }
  const simple = operator === 'strictEqual' && (typeof actual !== 'object' || actual === null) && (typeof expected !== 'object' || expected === null);
  if (simple) return `${title}\n\n${inspect(actual)} !== ${inspect(expected)}\n`;
  return operator === 'strictEqual' || operator === 'deepStrictEqual' ? `${title}\n+ actual - expected\n\n+ ${inspect(actual)}\n- ${inspect(expected)}\n` : `${title}\n\n${inspect(actual)}\n\nshould ${operator === 'notDeepEqual' ? 'not ' : ''}loosely deep-equal\n\n${inspect(expected)}`;
}

class AssertionError extends Error {
  constructor(options) {
    if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'of type object', options);
    const { message, actual, expected, operator } = options;
    super(message === undefined || message === null ? messageOf(options) : String(message));
    Object.defineProperty(this, 'name', { value: 'AssertionError', configurable: true, writable: true, enumerable: false });
    this.generatedMessage = message === undefined || message === null;
    this.code = 'ERR_ASSERTION';
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
  }
  toString() { return `${this.name} [${this.code}]: ${this.message}`; }
}

/** Throws unless condition; generated is the message where the caller gave none. */
function demand(condition, message, actual, expected, operator, generated) {
  if (condition) return;
  if (message instanceof Error) throw message;
  const error = new AssertionError({ message: message ?? generated, actual, expected, operator });
  error.generatedMessage = message === undefined || message === null;
  throw error;
}

function assert(...args) {
  const [value, message] = args;
  if (!value) demand(false, message, value, true, '==', args.length === 0 ? 'No value argument passed to `assert.ok()`' : 'The expression evaluated to a falsy value');
}

const nameOf = (value) => (value && value.constructor && value.constructor.name) || inspect(value);

/** Throws unless a thrown value is of the expected kind: a class, a pattern, a predicate or an object of properties. */
function expectError(error, expected, message, operator) {
  if (expected === undefined) return;
  if (expected instanceof RegExp) {
    demand(expected.test(String(error)), message, error, expected, operator, `The input did not match the regular expression ${inspect(expected)}. Input:\n\n${inspect(String(error))}\n`);
  } else if (typeof expected === 'object') {
    const keys = Object.keys(expected);
    if (expected instanceof Error) keys.push('name', 'message');
    else if (keys.length === 0) throw Object.assign(new TypeError(`The argument 'error' may not be an empty object. Received {}`), { code: 'ERR_INVALID_ARG_VALUE' });
    const same = typeof error === 'object' && error !== null && keys.every((key) => (expected[key] instanceof RegExp && typeof error[key] === 'string' ? expected[key].test(error[key]) : key in error && equal(error[key], expected[key], true)));
    demand(same, message, error, expected, operator, messageOf({ actual: error, expected, operator: 'deepStrictEqual' }));
  } else if (expected.prototype !== undefined && error instanceof expected) {
    // Of the class asked for.
  } else if (expected === Error || Error.prototype.isPrototypeOf(expected.prototype)) {
    const shown = error instanceof Error ? `"${nameOf(error)}"\n\nError message:\n\n${error.message}` : `"${inspect(error, { depth: -1 })}"`;
    demand(false, message, error, expected, operator, `The error is expected to be an instance of "${expected.name}". Received ${shown}`);
  } else {
    const answer = Reflect.apply(expected, {}, [error]);
    demand(answer === true, message, error, expected, operator, `The ${expected.name ? `"${expected.name}" ` : ''}validation function is expected to return "true". Received ${inspect(answer)}${error instanceof Error ? `\n\nCaught error:\n\n${error}` : ''}`);
  }
}

function missing(kind, expected, message, operator) {
  const of = typeof expected === 'function' && expected.name ? ` (${expected.name})` : '';
  const tail = message ? `: ${message}` : '.';
  throw new AssertionError({ message: message instanceof Error ? undefined : `Missing expected ${kind}${of}${tail}`, actual: undefined, expected, operator });
}

/** The body's error as {thrown}, or undefined. */
function caught(body) {
  try {
    body();
  } catch (thrown) {
    return { thrown };
  }
  return undefined;
}

function split(expected, message) {
  if (typeof expected === 'string') return [undefined, expected];
  if (expected !== undefined && expected !== null && typeof expected !== 'object' && typeof expected !== 'function') throw invalidArgument('error', 'of type function or an instance of Error, RegExp, or Object', expected);
  return [expected ?? undefined, message];
}

function throws(body, ...rest) {
  checkFunction(body, 'fn');
  const [expected, message] = split(...rest);
  const error = caught(body);
  if (!error) missing('exception', expected, message, 'throws');
  expectError(error.thrown, expected, message, 'throws');
}

async function settle(promise) {
  try {
    await (typeof promise === 'function' ? promise() : promise);
  } catch (thrown) {
    return { thrown };
  }
  return undefined;
}

async function rejects(promise, ...rest) {
  const [expected, message] = split(...rest);
  const error = await settle(promise);
  if (!error) missing('rejection', expected, message, 'rejects');
  expectError(error.thrown, expected, message, 'rejects');
}

function unwanted(kind, error, message, operator) {
  const text = error.thrown && error.thrown.message;
  throw new AssertionError({ message: `Got unwanted ${kind}${message ? `: ${message}` : '.'}\nActual message: "${text}"`, actual: error.thrown, expected: undefined, operator });
}

function doesNotThrow(body, ...rest) {
  checkFunction(body, 'fn');
  const error = caught(body);
  if (!error) return;
  const [expected, message] = split(...rest);
  if (expected !== undefined && caught(() => expectError(error.thrown, expected, undefined, 'doesNotThrow'))) throw error.thrown;
  unwanted('exception', error, message, 'doesNotThrow');
}

function patternCheck(text, pattern, message, operator, wanted) {
  if (!(pattern instanceof RegExp)) throw invalidArgument('regexp', 'an instance of RegExp', pattern);
  const isText = typeof text === 'string';
  const say = !isText ? `The "string" argument must be of type string. Received type ${typeof text} (${inspect(text)})` : `${wanted ? 'The input did not match the regular expression' : 'The input was expected to not match the regular expression'} ${inspect(pattern)}. Input:\n\n${inspect(text)}\n`;
  demand(isText && pattern.test(text) === wanted, message, text, pattern, operator, say);
}

class CallTracker {
  constructor() { require('pandora:loader').refuse('assert.CallTracker'); }
}

const methods = {
  fail(message) {
    if (message instanceof Error) throw message;
    const error = new AssertionError({ message: message === undefined ? 'Failed' : message, operator: 'fail' });
    error.generatedMessage = message === undefined;
    throw error;
  },
  AssertionError,
  ok: (...args) => assert(...args),
  equal: (a, b, message) => demand(a == b || (a !== a && b !== b), message, a, b, '=='), // eslint-disable-line eqeqeq
  notEqual: (a, b, message) => demand(!(a == b || (a !== a && b !== b)), message, a, b, '!='), // eslint-disable-line eqeqeq
  deepEqual: (a, b, message) => demand(equal(a, b, false), message, a, b, 'deepEqual'),
  notDeepEqual: (a, b, message) => demand(!equal(a, b, false), message, a, b, 'notDeepEqual'),
  deepStrictEqual: (a, b, message) => demand(equal(a, b, true), message, a, b, 'deepStrictEqual'),
  notDeepStrictEqual: (a, b, message) => demand(!equal(a, b, true), message, a, b, 'notDeepStrictEqual'),
  strictEqual: (a, b, message) => demand(Object.is(a, b), message, a, b, 'strictEqual'),
  notStrictEqual: (a, b, message) => demand(!Object.is(a, b), message, a, b, 'notStrictEqual'),
  throws,
  rejects,
  doesNotThrow,
  async doesNotReject(promise, ...rest) {
    const error = await settle(promise);
    if (error) unwanted('rejection', error, split(...rest)[1], 'doesNotReject');
  },
  ifError(value) {
    if (value === null || value === undefined) return;
    const text = value && typeof value.message === 'string' ? value.message || nameOf(value) : inspect(value);
    const error = new AssertionError({ message: `ifError got unwanted exception: ${text}`, actual: value, expected: null, operator: 'ifError' });
    error.generatedMessage = false;
    throw error;
  },
  match: (text, pattern, message) => patternCheck(text, pattern, message, 'match', true),
  doesNotMatch: (text, pattern, message) => patternCheck(text, pattern, message, 'doesNotMatch', false),
  CallTracker,
};

module.exports = Object.assign(assert, methods);
assert.strict = Object.assign((...args) => assert(...args), methods, {
  equal: methods.strictEqual, notEqual: methods.notStrictEqual, deepEqual: methods.deepStrictEqual, notDeepEqual: methods.notDeepStrictEqual,
});
assert.strict.strict = assert.strict;
