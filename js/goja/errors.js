'use strict';

// Errors of wrong arguments in Node's words.

/** What Node says about a value after "Received". */
function received(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  const { inspect } = require('./inspect');
  if (typeof value === 'object') {
    if (value.constructor && value.constructor.name) return `an instance of ${value.constructor.name}`;
    return inspect(value, { depth: -1 });
  }
  const shown = inspect(value);
  return `type ${typeof value} (${shown.length > 28 ? `${shown.slice(0, 25)}...` : shown})`;
}

/** @param {string} name of the argument @param {string} expected such as "of type string" */
function invalidArgument(name, expected, value) {
  const what = name.endsWith(' argument') ? name : `"${name}" ${name.includes('.') ? 'property' : 'argument'}`;
  return Object.assign(new TypeError(`The ${what} must be ${expected}. Received ${received(value)}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

function invalidValue(name, value, reason = 'is invalid') {
  const shown = require('./inspect').inspect(value);
  return Object.assign(new TypeError(`The ${name.includes('.') ? 'property' : 'argument'} '${name}' ${reason}. Received ${shown.length > 128 ? `${shown.slice(0, 128)}...` : shown}`), { code: 'ERR_INVALID_ARG_VALUE' });
}

function outOfRange(name, range, value) {
  return Object.assign(new RangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${require('./inspect').inspect(value)}`), { code: 'ERR_OUT_OF_RANGE' });
}

function checkFunction(value, name) {
  if (typeof value !== 'function') throw invalidArgument(name, 'of type function', value);
}

function checkString(value, name) {
  if (typeof value !== 'string') throw invalidArgument(name, 'of type string', value);
}

function checkObject(value, name) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidArgument(name, 'of type object', value);
}

module.exports = { received, invalidArgument, invalidValue, outOfRange, checkFunction, checkString, checkObject };
