'use strict';

// A procfile as larger projects have it: classes, helpers, and files that are read.
const fs = require('fs');
const os = require('os');
const path = require('path');
const _ = require('./lib/helpers');
const Cache = require('./services/cache');
const Queue = require('./services/queue');
const Mail = require('./services/mail');
const Search = require('./services/search');

const pkg = JSON.parse(fs.readFileSync(path.join(__dirname, 'package.json'), 'utf8'));
const settings = _.merge({ workers: 2, env: { NODE_ENV: 'production' } }, require('./settings.json'));
const isLocal = process.env.NODE_ENV === 'local';

class Ticker {
  async start() {
    this.timer = setInterval(() => {}, 1000);
  }

  async stop() {
    clearInterval(this.timer);
  }
}

class Report {
  static get dependencies() {
    return ['cache'];
  }

  async start() {
    this.at = new Date();
  }
}

module.exports = (pandora) => {
  pandora
    .process('worker')
    .scale(Math.min(settings.workers, os.cpus().length + settings.workers))
    .env(_.assign({}, settings.env, { APP: pkg.name, FOLDER: path.basename(__dirname) }))
    .nodeArgs()
    .push('--no-warnings');

  pandora.process('background').scale(1).env({ ROLE: 'background' });

  pandora.service('cache', Cache).process('worker');
  pandora.service('queue', Queue).process('worker').config({ size: settings.queue });
  pandora.service('mail', Mail).process('background');
  pandora.service('search', Search).process('background');
  pandora.service('ticker', Ticker).process('background');
  pandora.service('report', Report).process('worker');

  for (const name of _.sortBy(Object.keys(settings.jobs), (key) => settings.jobs[key])) {
    pandora
      .fork(`job-${name}`, './job.js')
      .env({ JOB: name, EVERY: String(settings.jobs[name]), HOST: isLocal ? 'localhost' : os.type() });
  }

  if (fs.existsSync(path.join(__dirname, 'cluster.js'))) pandora.cluster('./cluster.js');
};
