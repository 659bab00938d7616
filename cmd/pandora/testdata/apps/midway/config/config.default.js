'use strict';
exports.keys = 'only for tests';
