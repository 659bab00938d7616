'use strict';

// What the script host calls that runs the classes of the global configuration.

const reporters = require('./reporters');

/** Puts the classes into the packages that the configuration requires them from. */
function classes() {
  require('./indicators').classes();
  const packages = require('./packages');
  for (const name of ['pandora-metrics', 'dorapan', 'pandora']) {
    const exports = packages.load(name);
    for (const [member, value] of Object.entries(reporters.CLASSES)) {
      Object.defineProperty(exports, member, { value, configurable: true, writable: true, enumerable: true });
    }
  }
}

/** The EndPoints of the daemon, as far as a reporter can ask for them. */
const endPointService = {
  getEndPoint: () => undefined,
  getEndPointNames: () => [],
  getEndPoints: () => new Map(),
};

/**
 * Evaluates the configuration with its classes, and starts its reporters.
 * @param {{base: string, modules: string[]}} request
 */
function load(request) {
  classes();
  const { config, warnings } = require('../shared/config').loadWhole(request);
  for (const warning of warnings) console.warn(warning);
  return { reporters: reporters.start(config, { getEndPointService: () => endPointService }) };
}

/** Has a reporter report the metrics of now. */
const report = ({ name, views }) => reporters.tick({ name, views });

module.exports = { load, report };
