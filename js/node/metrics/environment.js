'use strict';

/** @returns {any} the environment of this process; it is an error to ask where there is none */
function currentEnvironment() {
  return require('../facade/env').EnvironmentUtil.getInstance().getCurrentEnvironment();
}

module.exports = { currentEnvironment };
