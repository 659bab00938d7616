'use strict';

// Questions to the application's code end in time, also where its code never answers.

/** A little less than the daemon waits. */
const DEADLINE_MS = 2900;
/** What never answers is asked no more often than this many times in this time. */
const MAX_RUNNING = 8;
const FORGET_MS = 60_000;

/** @type {WeakMap<object, number>} how many questions are open */
const running = new WeakMap();

/**
 * @param {object} owner of the code
 * @param {() => any} call
 * @returns {Promise<any>} what call gives; undefined when it takes too long or does so already in other calls
 */
function withDeadline(owner, call) {
  const open = running.get(owner) ?? 0;
  if (open >= MAX_RUNNING) return Promise.resolve(undefined);
  running.set(owner, open + 1);
  return new Promise((resolve, reject) => {
    let ended = false;
    const end = () => {
      clearTimeout(timer);
      if (!ended) running.set(owner, (running.get(owner) ?? 1) - 1);
      ended = true;
    };
    let timer = setTimeout(() => {
      resolve(undefined);
      timer = setTimeout(end, FORGET_MS).unref();
    }, DEADLINE_MS).unref();
    new Promise((done) => { done(call()); }).then(
      (value) => {
        end();
        resolve(value);
      },
      (error) => {
        end();
        reject(error);
      },
    );
  });
}

module.exports = { withDeadline, DEADLINE_MS, MAX_RUNNING };
