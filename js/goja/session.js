'use strict';

// What a living world has: calls that end with a promise, and questions to the host.

const native = require('pandora:binding');

/** @param {any} error the message and, where it is known, the innermost place in the user's files */
function describe(error) {
  let message;
  let stack = '';
  try {
    const isError = typeof error === 'object' && error !== null && typeof error.message === 'string';
    message = isError ? `${error.name || 'Error'}: ${error.message}` : `Uncaught ${require('./inspect').inspect(error)}`;
    stack = isError ? String(error.stack || '') : '';
  } catch {
    message = 'something that cannot be shown was thrown';
  }
  const place = /(?:^|[\s(])(\/[^\s()]*):(\d+):(\d+)/m.exec(stack.slice(0, 8192)) || [];
  return { message: message.slice(0, 1000), file: place[1] || '', line: Number(place[2] || 0), column: Number(place[3] || 0) };
}

/** Runs fn and tells the host how call has ended. */
function settle(call, fn) {
  const failed = (error) => native.live.settle(call, false, JSON.stringify(describe(error)));
  let result;
  try {
    result = fn();
  } catch (error) {
    failed(error);
    return;
  }
  Promise.resolve(result).then((value) => {
    const text = JSON.stringify(value);
    native.live.settle(call, true, text === undefined ? 'null' : text);
  }).catch(failed);
}

/** Asks the host; rejects with what it says. */
function ask(name, argument) {
  return new Promise((resolve, reject) => {
    native.live.ask(name, JSON.stringify(argument === undefined ? null : argument), (message, text) => {
      if (message === undefined) resolve(text === '' ? null : JSON.parse(text));
      else reject(new Error(message));
    });
  });
}

/** Calls an export of a file with what it is given, and with ask before that if it takes two. */
function callFile({ file, name, arg }) {
  const fn = require('module')._load(file)[name];
  return fn.length === 2 ? fn(ask, arg) : fn(arg);
}

module.exports = { callFile, settle, ask, describe };
