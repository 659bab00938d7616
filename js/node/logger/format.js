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
 * An error over several lines: name and message, stack, its own fields, pid and host name.
 * @param {Error} error
 * @returns {string}
 */
function formatError(error) {
  const stack = String(error.stack ?? '');
  const frames = stack.search(/^\s+at /m);
  const lines = [`nodejs.${error.name}: ${error.message}`];
  if (frames >= 0) lines.push(stack.slice(frames));
  for (const [key, value] of Object.entries(error)) {
    if (key !== 'name' && key !== 'message' && key !== 'stack') {
      lines.push(`${key}: ${util.inspect(value, { breakLength: Infinity })}`);
    }
  }
  lines.push(`pid: ${process.pid}`, `hostname: ${os.hostname()}`, '');
  return lines.join('\n');
}

/**
 * @param {string} level
 * @param {any[]} args as for console.log; a single error, or an error first, is written by formatError
 * @returns {string} without a line end
 */
function formatLine(level, args) {
  const [first, ...rest] = args;
  const message = first instanceof Error
    ? util.format('%s', formatError(first), ...rest)
    : util.format(first, ...rest);
  return `${formatTime(new Date())} ${level} ${process.pid} ${message}`;
}

module.exports = { formatLine, formatTime, formatError };
