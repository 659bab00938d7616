'use strict';

// The main script of every worker. The guard describes the worker in PANDORA_WORKER and speaks with it in the private
// lane of the IPC channel:
//
//   to the guard:   ready {services}, error {error}, uncaught {origin, handled, error}, doing {doing},
//                   drift {digest, binding?, failure?}, draining {connections}, drained, finish_shutdown {error?}, pong {id}
//   from the guard: drain {timeoutMs, graceMs, gently}, shutdown, ping
//
// When the channel breaks the process ends: without its guard nobody would count, stop or replace it.

const { createLane, describeError } = require('./lane');

/** How long a stopping application without services may go on after its channel was closed. */
const FAREWELL_MS = 5000;
/** How long a worker that has failed to start may take to stop what has started; its guard waits a little longer. */
const LEAVE_MS = 1500;
/** A signal sent before the channel was closed may be delivered a moment after. */
const SIGNAL_LAG_MS = 100;
/** Uncaught errors that the application handles are told no more often than this. */
const HANDLED_PAUSE_MS = 100;
/** The daemon hears of a worker once it is ready, or after this time: telling it must not delay the start. */
const MONITOR_MS = 1000;
const SIGNALS = /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGQUIT']);

/**
 * @returns {any} see worker.js
 */
function readOptions() {
  const raw = process.env.PANDORA_WORKER ?? '';
  delete process.env.PANDORA_WORKER;
  /** @param {string} why */
  const invalid = (why) => Object.assign(new Error(`Invalid options ${JSON.stringify(raw)}, ${why}`), { code: 'PANDORA_OPTIONS' });
  let options;
  try {
    options = JSON.parse(raw);
  } catch {
    throw invalid('PANDORA_WORKER expects the JSON that a guard sets; this script is not started by hand');
  }
  for (const [field, value] of Object.entries({
    appName: options?.appName, appDir: options?.appDir, processName: options?.process?.processName,
  })) {
    if (typeof value !== 'string' || value === '') throw invalid(`The field ${field} required by ProcessBootstrap`);
  }
  return options;
}

/**
 * The application sees itself as the main script, and the variables that Pandora.js sets.
 * @param {{entryFile?: string}} representation
 */
function adjustProcess(representation) {
  /** @type {any} */ (process).__pandoraOriginArgv = [...process.argv];
  process.argv[1] = representation.entryFile || __filename;
  Object.assign(process.env, {
    PANDORA_CURRENT_WRAP_LEVEL: '1', PANDORA_DO_NOT_FOLLOW_NPM: 'true', PANDORA_DO_NOT_FOLLOW_SHEBANG: 'true',
    // Seen from inside, a process is one.
    PANDORA_PROCESS_REPRESENTATION: JSON.stringify({ ...representation, scale: 1 }),
  });
}

/**
 * Where a debugger attaches, if one may. The port asked for may be another's, in a reload that of the process in whose
 * place this one comes: then it is any.
 * @returns {string | undefined}
 */
function inspectorUrl() {
  const asked = process.execArgv.filter((each) => /^--inspect(?:-brk|-wait)?(?:=|$)/.test(each)).pop();
  if (asked === undefined) return undefined;
  const inspector = require('node:inspector');
  if (inspector.url() === undefined) inspector.open(0, /=(.+):\d+$/.exec(asked)?.[1].replace(/^\[|\]$/g, ''));
  return inspector.url();
}

/**
 * @param {import('./lane').Lane} lane
 */
function boot(lane) {
  let ended = false;
  /**
   * @param {any} error
   * @param {() => Promise<any>} [leave] what is done before the end, for a moment
   */
  function fail(error, leave = async () => {}) {
    if (ended) return;
    ended = true;
    const end = () => process.exit(1);
    console.error(error);
    console.error('An error occurred during the start of ProcessBootstrap.');
    lane.send('error', { error: describeError(error) }, () => leave().then(end, end));
    setTimeout(end, LEAVE_MS);
  }
  /** @param {any} error */
  function onUncaught(error) {
    // An application that handles these itself has decided to live on.
    if (process.listenerCount('uncaughtException') === 1) fail(error);
  }

  process.on('uncaughtException', onUncaught);
  tellUncaught(lane, onUncaught);
  const options = readOptions();
  adjustProcess(options.process);
  const inspector = inspectorUrl();
  require('./facade/hook').install({ ...options, processName: options.process.processName, workerCount: options.evaluation?.workerCount });
  require('./output').installOutput();
  const reports = require('./errors').installErrors({ hook: options.config?.hook, report: reportError });
  if (!reports) process.env.PANDORA_ERROR_HOOK = 'off'; // also in its children, which do not know the configuration
  const drain = withChildren(require('./drain').installDrain(), options.process.kind === 'worker');
  const listening = require('./sockets').watchSockets(lane, drain.active, options.process.kind !== 'worker');
  const monitor = setTimeout(startMonitor, MONITOR_MS, options);
  const worker = require('./worker').createWorker(options, {
    onStoppable: () => stopOnSignals(worker, options.process.processName),
    onDrift: (found) => lane.send('drift', found),
    onDoing: (doing) => lane.send('doing', { doing }),
    onExit: (error) => { if (!ended) lane.send('error', { error: describeError(error) }); },
  });
  answer(lane, worker, drain);

  worker.start().then(async (started) => {
    // What fails at once, such as listening on a port in use, is reported by then.
    await listening();
    await new Promise((resolve) => setImmediate(resolve));
    if (ended || !started) return;
    process.removeListener('uncaughtException', onUncaught);
    lane.send('ready', { services: worker.stoppable(), ...(inspector ? { inspector } : {}) });
    clearTimeout(monitor);
    startMonitor(options);
    worker.goOnline();
    if (compiled) void require('./code').keepLater(compiled);
  }).catch((error) => fail(error, worker.stop)); // services that have started have their stop, as in Pandora.js
}

/** @param {import('./errors').ErrorPayload} payload */
function reportError(payload) {
  require('./monitor').reportError(payload);
}

/** @param {any} options see worker.js */
function startMonitor(options) {
  require('./monitor').startMonitor({ ...options, processName: options.process.processName });
}

/**
 * Tells the guard of errors that nobody caught, which end the process unless the application handles them. A monitor
 * changes nothing about that; what it sends is written before it returns.
 * @param {import('./lane').Lane} lane
 * @param {(error: any) => void} ours our own handler, which is there until the worker is ready
 */
function tellUncaught(lane, ours) {
  let last = 0;
  process.on('uncaughtExceptionMonitor', (error, origin) => {
    const starting = process.listeners('uncaughtException').includes(ours);
    const handled = process.listenerCount('uncaughtException') > (starting ? 1 : 0) || process.hasUncaughtExceptionCaptureCallback();
    if (starting && !handled || handled && Date.now() - last < HANDLED_PAUSE_MS) return;
    last = Date.now();
    try {
      lane.send('uncaught', { origin, handled, error: describeError(error) });
    } catch {
      // What was thrown cannot even be looked at; Node shows what it can.
    }
  });
}

/**
 * A plain process may be the primary of a cluster of its own: its workers drain with it.
 * @param {import('./drain').Drain} drain
 * @param {boolean} clustered the process is a worker itself
 * @returns {import('./drain').Drain}
 */
function withChildren(drain, clustered) {
  const nested = require('./children').watchChildren({ nested: !clustered });
  if (clustered) return drain;
  return {
    active: drain.active,
    begin(leave, done, tell) {
      let left = 2;
      const each = () => { left -= 1; if (left === 0) done(); };
      drain.begin(leave, each, tell);
      nested.begin(leave, each);
    },
  };
}

/** @typedef {ReturnType<typeof import('./worker').createWorker>} Worker */

/**
 * Answers the guard.
 * @param {import('./lane').Lane} lane
 * @param {Worker} worker
 * @param {import('./drain').Drain} drain
 */
function answer(lane, worker, drain) {
  let exitCode = 0;
  lane.on('ping', ({ id }) => lane.send('pong', { id }));
  lane.on('drain', (leave) => {
    worker.flushLogs();
    if (worker.stoppable() === 0 && process.listenerCount('SIGTERM') > 0) {
      // The application's handler is its way to stop: once it has run, the channel must not keep the process.
      process.once('SIGTERM', () => process.channel?.unref());
    }
    const left = worker.leave(leave.timeoutMs);
    drain.begin(leave, () => { left.then(() => lane.send('drained')); }, (connections) => lane.send('draining', { connections }));
  });
  lane.on('shutdown', async () => {
    const error = await worker.stop();
    if (error) exitCode = 1;
    lane.send('finish_shutdown', error ? { error: describeError(error) } : {});
  });
  // This listener also keeps a process with nothing left to do alive, as long as its guard is there.
  process.on('disconnect', () => {
    if (!drain.active() || worker.stoppable() > 0) process.exit(exitCode);
    setTimeout(() => process.exit(exitCode), FAREWELL_MS).unref();
    setTimeout(() => {}, SIGNAL_LAG_MS);
  });
}

/**
 * Services are stopped before a signal ends the process.
 * @param {Worker} worker
 * @param {string} processName
 */
function stopOnSignals(worker, processName) {
  for (const signal of SIGNALS) {
    process.once(signal, async () => {
      console.log(`Process [name = ${processName}, pid = ${process.pid}] Receive a signal ${signal}, start to stopping, pid ${process.pid}`);
      const error = await worker.stop();
      process.exit(error ? 1 : 0);
    });
  }
}

/** What V8 has compiled, where it is to be kept for other workers: compiled.js has put it there. */
const { compiled } = /** @type {any} */ (module);
delete (/** @type {any} */ (module).compiled);

const lane = createLane();
try {
  boot(lane);
} catch (error) {
  console.error(error);
  lane.send('error', { error: describeError(error) }, () => process.exit(1));
}
