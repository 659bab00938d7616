'use strict';

// What the script host calls that runs the classes of the global configuration.

const endpoints = require('./endpoints');
const reporters = require('./reporters');

/** Puts the classes into the packages that the configuration requires them from. */
function classes() {
  require('./indicators').classes();
  const packages = require('./packages');
  for (const name of ['pandora-metrics', 'dorapan', 'pandora']) {
    const exports = packages.load(name);
    for (const [member, value] of Object.entries({ ...reporters.CLASSES, ...endpoints.CLASSES })) {
      Object.defineProperty(exports, member, { value, configurable: true, writable: true, enumerable: true });
    }
  }
}

/**
 * Evaluates the configuration with its classes, and starts its EndPoints and reporters.
 * @param {{base: string, modules: string[]}} request
 */
function load(request) {
  classes();
  const { config, warnings } = require('../shared/config').loadWhole(request);
  for (const warning of warnings) console.warn(warning);
  const endPoints = endpoints.start(config);
  return { endPoints, reporters: reporters.start(config, { getEndPointService: () => endpoints.service }) };
}

/** Has a reporter report the metrics of now. */
const report = ({ name, views }) => reporters.tick({ name, views });

/** Answers a request to a resource. */
const answer = (request) => endpoints.answer(request);

module.exports = { load, report, answer };
