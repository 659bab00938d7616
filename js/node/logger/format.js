'use strict';

// Lines of log files: `YYYY-MM-DD HH:mm:ss,SSS LEVEL pid message`, local time.

const os = require('node:os');
const util = require('node:util');

/**
 * @param {number} value
 * @param {number} width
 */
function pad(value, width) {
  return String(value).padStart(width, '0');
}

/**
 * @param {Date} date
 * @returns {string} as 2026-02-03 04:05:06,007 in local time
 */
function formatTime(date) {
  return `${date.getFullYear()}-${pad(date.getMonth() + 1, 2)}-${pad(date.getDate(), 2)} `
    + `${pad(date.getHours(), 2)}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)},${pad(date.getMilliseconds(), 3)}`;
}

/**
 * @param {any} value
 * @returns {string} in one line
 */
function inOneLine(value) {
  const text = util.inspect(value);
  return value && typeof value === 'object' ? text.replace(/^\s+/mg, '').replace(/\n/g, ' ') : text;
}

/**
 * An error over several lines: name and message, stack, its own fields, pid and host name. A code becomes part of the
 * name of an error that has no name of its own, a host part of the message.
 * @param {any} error
 * @returns {string}
 */
function formatError(error) {
  const named = error.name === 'Error' && typeof error.code === 'string';
  const name = named ? `${error.code}Error` : error.name;
  const message = error.host ? `${error.message} (${error.host})` : error.message;
  const stack = String(error.stack || 'no_stack');
  const fields = Object.keys(error).map((key) => [key, error[key]]);
  if (named) {
    const own = fields.find(([key]) => key === 'name');
    if (own) own[1] = name;
    else fields.push(['name', name]);
  }
  return [
    `nodejs.${name}: ${message}`,
    stack.slice(stack.indexOf('\n') + 1),
    fields.map(([key, value]) => `${key}: ${inOneLine(value)}`).join('\n'),
    `pid: ${process.pid}`,
    `hostname: ${os.hostname()}`,
    '',
  ].join('\n');
}

/**
 * @param {ArrayLike<any>} args as for console.log; of an error, what follows it is left out
 * @returns {string}
 */
function formatMessage(args) {
  try {
    return args[0] instanceof Error ? formatError(args[0]) : util.format(...(Array.isArray(args) ? args : Array.from(args)));
  } catch (error) {
    // What cannot be shown, such as an object that throws when it is looked at, must not end who logs it.
    return `[what was logged cannot be shown: ${String(error?.message)}]`;
  }
}

/** The time of the last line: many have the same. */
let lastMs = 0;
let lastTime = '';

/** @returns {string} */
function now() {
  const ms = Date.now();
  if (ms !== lastMs) {
    lastMs = ms;
    lastTime = formatTime(new Date(ms));
  }
  return lastTime;
}

/**
 * @param {string} level
 * @param {string} message
 * @returns {string} without a line end
 */
function formatLine(level, message) {
  return `${now()} ${level} ${process.pid} ${message}`;
}

module.exports = { formatLine, formatMessage, formatTime, formatError };
