'use strict';

// The packages of Pandora.js. The real ones want a Node that runs under Pandora.js, so here they are answered by their
// shape: names, classes to extend, constants. What does something is for Node to decide. The exception is pandora-env,
// which is a few lines of its own.

const build = require('./shape');
const shared = require('../shared/environment');

const NAMES = ['pandora-env', 'pandora-dollar', 'pandora-messenger', 'pandora-hub', 'pandora-service-logger', 'pandora-metrics', 'pandora-hook', 'pandora', 'dorapan'];
// Of no harm to evaluate: these are used as installed, if they are.
const PLAIN = ['pandora-dollar'];

const needed = 'should setup current environment before using it';

function environments() {
  let instance;
  const current = (util) => {
    if (!util.current) throw Object.assign(new Error(needed), { name: 'AssertionError', code: 'ERR_ASSERTION', generatedMessage: false });
    return util.current;
  };
  const { get, set } = shared.BaseEnvironment.prototype;
  return {
    exports: {},
    constructible: {
      EnvironmentUtil() { this.ready = false; },
      BaseEnvironment(variables) { this.variables = { ...variables }; },
      DefaultEnvironment: Object.assign(function (variables) {
        const { env, pandoraLogsDir } = new shared.DefaultEnvironment(variables).variables;
        Object.assign(this.variables, { env, pandoraLogsDir });
      }, { forward: (args) => args }),
    },
    methods: {
      EnvironmentUtil: {
        getCurrentEnvironment() { return current(this); },
        setCurrentEnvironment(environment) {
          this.current = environment;
          this.ready = true;
        },
        get(name) { return current(this).get(name); },
        is(name) { return current(this).match(name); },
        isReady() { return this.ready; },
      },
      BaseEnvironment: { get, set },
      DefaultEnvironment: { match: shared.BaseEnvironment.prototype.match },
    },
    finish(made) {
      made.EnvironmentUtil.getInstance = () => (instance || (instance = new made.EnvironmentUtil()));
    },
  };
}

function workerCount() {
  const given = process.env.DEFAULT_WORKER_COUNT;
  return given ? Number.parseInt(given, 10) : require('os').cpus().length;
}

/** Classes that the facade has in every worker beside those of 1.x. */
const MORE = ['Applet', 'HTTPApplet', 'DefaultConfigurator'];

function facade() {
  return {
    exports: { get defaultWorkerCount() { return workerCount(); } },
    finish(made) {
      for (const name of MORE) Object.defineProperty(made, name, { value: { [name]: class {} }[name], configurable: true, writable: true });
    },
  };
}

/** What works of a package. */
function meaningOf(name) {
  if (name === 'pandora-env') return environments();
  return name === 'pandora' ? facade() : { exports: {} };
}

const loaded = Object.create(null);

/** The exports of a package in NAMES. */
function load(name) {
  if (name === 'dorapan') return load('pandora');
  if (!loaded[name]) {
    const meaning = meaningOf(name);
    // Making an object of a class has no effect that lasts; its methods are refused.
    const constructible = meaning.constructible || new Proxy({}, { get: () => () => {} });
    loaded[name] = build(name, { ...meaning, constructible, table: `packages/${name}`, load: (other) => (NAMES.includes(other) ? load(other) : require(other)) });
    if (meaning.finish) meaning.finish(loaded[name]);
  }
  return loaded[name];
}

module.exports = { NAMES, PLAIN, load };
