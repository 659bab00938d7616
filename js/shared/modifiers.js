'use strict';

// What the members of the procfile's argument return: objects that change one definition. As in the original, a member
// with a truthy argument sets and returns the modifier, and without one reads; what is read is live.

const check = require('./check');

/** Parsed only for the few procfiles that set something of it. */
const policies = () => require('./policy');

/** @typedef {import('./reconciler').Reconciler} Reconciler */
/** @typedef {import('./reconciler').ProcessDefinition} ProcessDefinition */
/** @typedef {import('./reconciler').ServiceDefinition} ServiceDefinition */

const DEPRECATED_ARGV = 'Pandora.js: process().argv() has been deprecated, replace it to .nodeArgs()';

/**
 * Nothing was given, so the member reads. NaN is not nothing: it comes from a calculation that went wrong.
 * @param {any} value
 * @returns {boolean}
 */
const reads = (value) => !value && !Number.isNaN(value);

/** What console.log() shows of an object, in Goja and in Node, is asked by this key. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

class ProcessModifier {
  /** @type {Reconciler} */ #reconciler;
  /** @type {ProcessDefinition} */ #process;

  /** @param {Reconciler} reconciler @param {ProcessDefinition} process */
  constructor(reconciler, process) {
    this.#reconciler = reconciler;
    this.#process = process;
  }

  [INSPECT]() {
    const { processName, entryFile, scale, env, args, execArgv, order } = this.#process;
    return { processName, entryFile, scale, env, args, execArgv, order };
  }

  /** @param {any} [value] @returns {any} */
  name(value) {
    if (reads(value)) return this.#process.processName;
    this.#reconciler.renameProcess(this.#process, value);
    return this;
  }

  /** @param {any} [value] @returns {any} */
  entry(value) {
    if (reads(value)) return this.#process.entryFile;
    this.#reconciler.setEntryFile(this.#process, value);
    return this;
  }

  /** @param {any} [value] @returns {any} */
  scale(value) {
    if (reads(value)) return this.#process.scale;
    this.#process.scale = check.checkScale(value, this.#process.processName, this.#reconciler.warn);
    this.#process.autoInProduction = false;
    this.#reconciler.mark(this.#process, 'scale');
    return this;
  }

  /** @param {any} [value] @returns {any} */
  env(value) {
    if (reads(value)) return this.#process.env;
    this.#process.env = check.checkEnv(value, this.#process.processName);
    this.#reconciler.mark(this.#process, 'env');
    return this;
  }

  /**
   * Files of environment variables; calls add to each other.
   * @param {any} [value] a path or several @param {any} [options] { optional } @returns {any}
   */
  envFile(value, options) {
    if (value === undefined) return (this.#process.envFiles || []).map((file) => file.path);
    this.#reconciler.envFileOf(this.#process, options === undefined ? [value] : [value, options]);
    return this;
  }

  /**
   * Variables whose values are kept elsewhere; calls add to each other.
   * @param {any} [value] names, and where their values come from @returns {any}
   */
  secrets(value) {
    if (value === undefined) return this.#reconciler.secretsOf(this.#process);
    this.#reconciler.secretsOf(this.#process, value);
    return this;
  }

  /**
   * The folder that the process runs in.
   * @param {any} [value] a path @returns {any}
   */
  cwd(value) {
    if (value === undefined) return this.#process.cwd;
    const { current, appDir } = this.#reconciler;
    this.#process.cwd = policies().checkFolder(value, current.baseDir ?? appDir, this.#process.processName);
    this.#reconciler.mark(this.#process, 'cwd');
    return this;
  }

  /** @param {any} [value] @returns {any} */
  args(value) {
    if (reads(value)) return this.#process.args;
    this.#process.args = check.checkList(value, 'args', this.#process.processName, this.#reconciler.warn);
    this.#reconciler.mark(this.#process, 'args');
    return this;
  }

  /** @param {any} [value] @returns {any} */
  nodeArgs(value) {
    if (reads(value)) return this.#process.execArgv;
    this.#process.execArgv = check.checkList(value, 'nodeArgs', this.#process.processName, this.#reconciler.warn);
    this.#reconciler.mark(this.#process, 'nodeArgs');
    return this;
  }

  /** @param {any} [value] @returns {any} */
  argv(value) {
    this.#reconciler.warn(DEPRECATED_ARGV);
    return this.nodeArgs(value);
  }

  /** @param {any} [value] @returns {any} */
  order(value) {
    if (reads(value)) return this.#process.order;
    this.#process.order = check.checkOrder(value, this.#process.processName);
    this.#reconciler.mark(this.#process, 'order');
    return this;
  }

  /**
   * How the process runs: 'plain', or 'worker' (of a cluster).
   * @param {any} [value] @returns {any}
   */
  kind(value) {
    if (reads(value)) return this.#process.kind;
    this.#process.kind = check.checkKind(value, this.#process.processName);
    return this;
  }

  /**
   * 'fork' or 'cluster', of the 1.0 to 1.2 API: the kind under its old names.
   * @param {any} [value] @returns {any}
   */
  mode(value) {
    if (reads(value)) return this.#process.kind;
    if (value === 'fork' || value === 'cluster') return this.kind(value === 'fork' ? 'plain' : 'worker');
    throw check.problem('PANDORA_KIND', `process "${this.#process.processName}": `
      + `mode expects 'fork' or 'cluster', got ${check.show(value)}`);
  }

  /**
   * One member of what the process asks of its supervision. Unlike the members of the original, only undefined reads.
   * @param {keyof import('./policy').Policy} member
   * @param {any} value
   * @param {() => any} checked
   * @returns {any}
   */
  #policy(member, value, checked) {
    const { policy } = this.#process;
    if (value === undefined) return policy[member];
    policy[member] = checked();
    this.#reconciler.mark(this.#process, member);
    return this;
  }

  /**
   * How connections find a worker of a cluster: 'rr' or 'shared'.
   * @param {any} [value] @returns {any}
   */
  balance(value) {
    return this.#policy('balance', value, () => policies().checkWord(value, ['rr', 'shared'], this.#process.processName, 'balance'));
  }

  /**
   * Whether a worker is replaced by starting the new one first, or by stopping the old one first.
   * @param {any} [value] @returns {any}
   */
  reload(value) {
    return this.#policy('reload', value,
      () => policies().checkWord(value, ['start-first', 'stop-first'], this.#process.processName, 'reload'));
  }

  /**
   * A condition of being ready, beside the start of services and entry: {http | tcp | message, timeoutMs}.
   * @param {any} [value] @returns {any}
   */
  ready(value) {
    return this.#policy('ready', value, () => policies().checkReady(value, this.#process.processName));
  }

  /**
   * Whether a worker has one log file ('together'), or one for each of standard output and error ('split').
   * @param {any} [value] @returns {any}
   */
  stdio(value) {
    return this.#policy('stdio', value, () => policies().checkWord(value, ['together', 'split'], this.#process.processName, 'stdio'));
  }

  /**
   * Ends a worker whose event loop does not answer: {timeoutMs}.
   * @param {any} [value] @returns {any}
   */
  liveness(value) {
    return this.#policy('liveness', value, () => policies().checkLiveness(value, this.#process.processName));
  }

  /**
   * Gives a worker up that was replaced more often than that within a time.
   * @param {any} [count] @param {any} [windowMs] @returns {any}
   */
  maxRestarts(count, windowMs) {
    return this.#policy('maxRestarts', count === undefined ? windowMs : count,
      () => policies().checkMaxRestarts(count, windowMs, this.#process.processName));
  }

  /**
   * Replaces a worker whose resident memory is more.
   * @param {any} [value] bytes, or a text such as '512MB' @returns {any}
   */
  maxMemory(value) {
    return this.#policy('maxMemory', value,
      () => policies().checkMaxMemory(value, this.#process.processName, this.#reconciler.warn));
  }

  /**
   * Times of starting and stopping: {startMs, drainMs, stopMs, graceMs}; those that are not named stay.
   * @param {any} [value] @returns {any}
   */
  timeouts(value) {
    return this.#policy('timeouts', value,
      () => ({ ...this.#process.policy.timeouts, ...policies().checkTimeouts(value, this.#process.processName) }));
  }

  drop() {
    this.#reconciler.dropProcess(this.#process.processName);
  }
}

class ServiceModifier {
  /** @type {Reconciler} */ #reconciler;
  /** @type {ServiceDefinition} */ #service;

  /** @param {Reconciler} reconciler @param {ServiceDefinition} service */
  constructor(reconciler, service) {
    this.#reconciler = reconciler;
    this.#service = service;
  }

  [INSPECT]() {
    const { serviceName, category, dependencies, config, publishToHub, entry } = this.#service;
    return { serviceName, category, dependencies, config, publishToHub, entry: entry.path || entry.value };
  }

  /** @param {any} [value] @returns {any} */
  name(value) {
    if (reads(value)) return this.#reconciler.nameOf(this.#service);
    this.#reconciler.renameService(this.#service, value);
    return this;
  }

  /** @param {any} [value] @returns {any} */
  process(value) {
    if (reads(value)) return this.#service.category;
    this.#service.category = check.checkName(value, `${this.#reconciler.label(this.#service)}: process()`);
    this.#reconciler.mark(this.#service, 'process');
    return this;
  }

  /**
   * The 0.1 name of process(). There 'all' meant: in every process that exists anyway.
   * @param {any} [value] @returns {any}
   */
  category(value) {
    return this.process(value === 'all' ? 'weak-all' : value);
  }

  /** @param {any} [value] @returns {any} */
  entry(value) {
    if (reads(value)) return this.#service.entry.value || this.#service.entry.path || undefined;
    this.#reconciler.setEntry(this.#service, value);
    return this;
  }

  /** @param {any} [value] a literal, or a function (context, literal) => config @returns {any} */
  config(value) {
    if (reads(value)) return this.#service.config;
    if (typeof value === 'function') this.#service.configResolver = value;
    else this.#service.config = value;
    this.#reconciler.mark(this.#service, 'config');
    return this;
  }

  /** @param {any} [value] a name or several; they are added @returns {any} */
  dependency(value) {
    if (reads(value)) return this.#service.dependencies;
    const label = this.#reconciler.label(this.#service);
    const names = (Array.isArray(value) ? value : [value])
      .map((name) => check.checkName(name, `${label}: dependency()`));
    this.#service.dependencies = this.#service.dependencies || [];
    this.#service.dependencies.push(...names); // the same array, which may have been read
    this.#reconciler.mark(this.#service, 'dependency');
    return this;
  }

  /** @param {any} [enable] @returns {any} */
  publish(enable = true) {
    this.#service.publishToHub = Boolean(enable);
    return this;
  }

  drop() {
    this.#reconciler.dropService(this.#service);
  }
}

/**
 * cluster(path) makes a service, so the original has no env() and the like here. They mean the process that the service
 * is placed on when they are called.
 */
class ClusterModifier extends ServiceModifier {
  /** @type {Reconciler} */ #reconciler;
  /** @type {ServiceDefinition} */ #service;

  /** @param {Reconciler} reconciler @param {ServiceDefinition} service */
  constructor(reconciler, service) {
    super(reconciler, service);
    this.#reconciler = reconciler;
    this.#service = service;
  }

  /**
   * @param {'scale' | 'env' | 'envFile' | 'secrets' | 'cwd' | 'args' | 'nodeArgs' | 'argv' | 'order' | 'kind' | 'mode' | 'balance' | 'reload' | 'ready'
   *   | 'stdio' | 'liveness' | 'maxRestarts' | 'maxMemory' | 'timeouts'} member
   * @param {any[]} given
   * @returns {any}
   */
  #forward(member, ...given) {
    const { category } = this.#service;
    const process = this.#reconciler.findProcess(category);
    if (!process) {
      throw check.problem('PANDORA_PLACEMENT', `pandora.cluster(): ${member}() is about the process `
        + `"${category}", which is not defined; define it before with pandora.process('${category}')`);
    }
    const modifier = this.#reconciler.modifierOf(process);
    const result = Reflect.apply(modifier[member], modifier, given);
    return result === modifier ? this : result;
  }

  /** @param {any} [value] @returns {any} */
  scale(value) { return this.#forward('scale', value); }

  /** @param {any} [value] @returns {any} */
  env(value) { return this.#forward('env', value); }

  /** @param {any[]} given @returns {any} */
  envFile(...given) { return this.#forward('envFile', ...given); }

  /** @param {any} [value] @returns {any} */
  secrets(value) { return this.#forward('secrets', value); }

  /** @param {any} [value] @returns {any} */
  args(value) { return this.#forward('args', value); }

  /** @param {any} [value] @returns {any} */
  nodeArgs(value) { return this.#forward('nodeArgs', value); }

  /** @param {any} [value] @returns {any} */
  argv(value) { return this.#forward('argv', value); }

  /** @param {any} [value] @returns {any} */
  order(value) { return this.#forward('order', value); }

  /** @param {any} [value] @returns {any} */
  kind(value) { return this.#forward('kind', value); }

  /** @param {any} [value] @returns {any} */
  mode(value) { return this.#forward('mode', value); }

  /** @param {any} [value] @returns {any} */
  cwd(value) { return this.#forward('cwd', value); }

  /** @param {any} [value] @returns {any} */
  balance(value) { return this.#forward('balance', value); }

  /** @param {any} [value] @returns {any} */
  reload(value) { return this.#forward('reload', value); }

  /** @param {any} [value] @returns {any} */
  ready(value) { return this.#forward('ready', value); }

  /** @param {any} [value] @returns {any} */
  stdio(value) { return this.#forward('stdio', value); }

  /** @param {any} [value] @returns {any} */
  liveness(value) { return this.#forward('liveness', value); }

  /** @param {any} [count] @param {any} [windowMs] @returns {any} */
  maxRestarts(count, windowMs) { return this.#forward('maxRestarts', count, windowMs); }

  /** @param {any} [value] @returns {any} */
  maxMemory(value) { return this.#forward('maxMemory', value); }

  /** @param {any} [value] @returns {any} */
  timeouts(value) { return this.#forward('timeouts', value); }
}

/** The mutable settings that getProcess(name) of the 0.1 API gives: { order, scale, argv, env }. */
class ProcessSettings {
  /** @type {Reconciler} */ #reconciler;
  /** @type {ProcessDefinition} */ #process;

  /** @param {Reconciler} reconciler @param {ProcessDefinition} process */
  constructor(reconciler, process) {
    this.#reconciler = reconciler;
    this.#process = process;
  }

  [INSPECT]() {
    const { order, scale, execArgv, env } = this.#process;
    return { order, scale, argv: execArgv, env };
  }

  get order() { return this.#process.order; }

  set order(value) {
    // In 0.1 the built-in processes were numbered.
    this.#reconciler.numberBuiltins();
    this.#process.order = check.checkOrder(value, this.#process.processName);
    this.#reconciler.mark(this.#process, 'order');
  }

  get scale() { return this.#process.scale; }

  set scale(value) {
    this.#process.scale = check.checkScale(value, this.#process.processName, this.#reconciler.warn);
    this.#process.autoInProduction = false;
    this.#reconciler.mark(this.#process, 'scale');
  }

  get argv() { return this.#process.execArgv; }

  set argv(value) {
    this.#process.execArgv = check.checkList(value, 'argv', this.#process.processName, this.#reconciler.warn);
    this.#reconciler.mark(this.#process, 'nodeArgs');
  }

  get env() { return this.#process.env; }

  set env(value) {
    this.#process.env = check.checkEnv(value, this.#process.processName);
    this.#reconciler.mark(this.#process, 'env');
  }
}

module.exports = { ProcessModifier, ServiceModifier, ClusterModifier, ProcessSettings };
