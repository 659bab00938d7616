'use strict';

// Limits of time on what an application does while it starts and stops. What is late is told by name: otherwise nobody
// could say which of many services a worker waited for.

/** How long something may take before a line says so. */
const SLOW_MS = 10000;
/** The default of the guard, which counts from when it started the process. */
const START_MS = 120000;
/** The default of each step of a stop. */
const STOP_MS = 5000;

/** @param {number} ms */
const show = (ms) => (ms < 1000 ? `${ms}ms` : `${ms / 1000}s`);

/**
 * @param {number} limitMs
 * @returns {number} a little less, so that it is over before the guard acts
 */
const before = (limitMs) => limitMs - Math.min(1000, limitMs / 20);

/**
 * @param {number} ms
 * @param {() => void} call
 * @returns {NodeJS.Timeout}
 */
const later = (ms, call) => setTimeout(call, Math.max(0, ms)).unref();

/** The time that a worker has for its start. */
class StartTime {
  /**
   * @param {number} [limitMs] what the procfile set for the process
   */
  constructor(limitMs = START_MS) {
    this.limitMs = limitMs;
  }

  /**
   * @template T
   * @param {string} what with what it has not done, as in 'service "a" has not started'
   * @param {() => T | Promise<T>} run
   * @returns {Promise<T>} rejects when it takes longer than the worker has
   */
  async wait(what, run) {
    const result = run();
    if (typeof (/** @type {any} */ (result)?.then) !== 'function') return result;
    /** @type {NodeJS.Timeout[]} */
    const timers = [];
    const late = new Promise((_resolve, reject) => {
      timers.push(
        later(SLOW_MS, () => console.warn(`${what} for ${show(SLOW_MS)}; the process ${process.pid} waits for it, ${show(this.limitMs)} at most`)),
        later(before(this.limitMs) - process.uptime() * 1000, () => {
          const error = new Error(`${what} within ${show(this.limitMs)}`);
          error.stack = `${error.name}: ${error.message}`; // the timer's says nothing
          reject(Object.assign(error, { code: 'PANDORA_START_TIMEOUT' }));
        }),
      );
    });
    try {
      return await Promise.race([/** @type {T} */ (result), /** @type {Promise<never>} */ (late)]);
    } finally {
      timers.forEach(clearTimeout);
    }
  }
}

/**
 * The time that all services together have for their stop, from now on.
 * @param {number | undefined} limitMs what the procfile set for the process
 * @param {(text: string) => void} onLate with the time, as in 'within 5s'
 * @returns {() => void} call it when they have stopped
 */
function stopTime(limitMs = STOP_MS, onLate) {
  const timer = later(before(limitMs), () => onLate(`within ${show(limitMs)}`));
  return () => clearTimeout(timer);
}

module.exports = { StartTime, stopTime };
