'use strict';

// What `require('pandora-service-logger')` answers in a worker whose application has no copy of its own.

const { LoggerService } = require('./service');

module.exports = { ...require('./manager'), LoggerService, default: LoggerService };
