'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { HealthIndicator } = require('dorapan');

/** The same class that a worker could register. A file is loaded again when it changes. */
module.exports = class Settings extends HealthIndicator {
  constructor() {
    super();
    this.name = 'settings';
    this.intervalMs = 500;
  }

  async doCheck(builder) {
    const file = path.join(__dirname, '..', 'package.json');
    builder.withDetail('version', JSON.parse(fs.readFileSync(file, 'utf8')).version);
    builder.up();
  }
};
