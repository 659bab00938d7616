'use strict';

// A process that is a command and no script of Node: the worker starts it, in a process group of its own, and is then its
// keeper. What the command prints goes where the worker's output goes, signals are passed on to its whole group, and the
// worker ends as the command does, with nothing of the group left.

const { spawn } = require('node:child_process');
const { constants } = require('node:os');

/** A command that ends sooner has not started. */
const SETTLED_MS = 1000;
/** How often it is looked whether the group of a command that was told to end is empty. */
const LOOK_MS = 50;
const SIGNALS = /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP']);

/**
 * An error about the command, which has no place in any code.
 * @param {string} message
 * @param {string} code
 */
function problem(message, code) {
  const error = new Error(message);
  error.stack = String(error);
  return Object.defineProperty(error, 'code', { value: code });
}

/**
 * @param {number} group
 * @param {NodeJS.Signals | 0} signal
 * @returns {boolean} false when there is nobody in the group
 */
function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    return error?.code === 'EPERM'; // somebody is, as another user
  }
}

/**
 * Ends this process as the command has ended.
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 */
function endAs(code, signal) {
  if (signal === null) process.exit(code ?? 1);
  // The number that a shell gives, should the signal not end a process of Node.
  process.exitCode = 128 + (constants.signals[signal] ?? 0);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  setTimeout(() => process.exit(), LOOK_MS);
}

/**
 * Runs a command in this process' place.
 * @param {string[]} command the program and its arguments
 * @returns {Promise<void>} once it has run for a moment; rejects when it cannot be started or has ended by then
 */
function runCommand(command) {
  const name = command.join(' ');
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: 'inherit', detached: true });
  return new Promise((resolve, reject) => {
    let settled = false;
    const timer = setTimeout(() => { settled = true; resolve(); }, SETTLED_MS);
    child.once('error', (error) => {
      clearTimeout(timer);
      const why = /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT' ? 'there is no such program' : error.message;
      reject(problem(`the command "${name}" cannot be started: ${why}`, 'PANDORA_ENTRY'));
    });
    if (child.pid !== undefined) {
      keep(child, child.pid, (told, code, signal) => {
        clearTimeout(timer);
        if (settled || told) return true;
        const how = signal === null ? `with code ${code}` : `by ${signal}`;
        reject(problem(`the command "${name}" ended ${how} before it had run for a second`, 'PANDORA_COMMAND'));
        return false;
      });
    }
  });
}

/**
 * Passes signals on, and ends this process as its child ends.
 * @param {import('node:child_process').ChildProcess} child
 * @param {number} group
 * @param {(told: boolean, code: number | null, signal: NodeJS.Signals | null) => boolean} ended called when the child has;
 *   told: it was asked to; returns whether this process is to end
 */
function keep(child, group, ended) {
  let told = false;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      told = true;
      signalGroup(group, signal);
    });
  }
  // Also when the guard is gone, or the worker fails for another reason.
  process.once('exit', () => signalGroup(group, 'SIGKILL'));
  child.once('exit', (code, signal) => {
    if (!ended(told, code, signal)) return;
    // npm ends at once; what it has started may still be finishing.
    const look = () => {
      if (told && signalGroup(group, 0)) setTimeout(look, LOOK_MS);
      else endAs(code, signal);
    };
    look();
  });
}

module.exports = { runCommand };
