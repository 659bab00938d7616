'use strict';

// The indicators that the original ships, for code that extends or makes them. Those of a worker itself are in
// js/node/monitor.

const { IndicatorScope } = require('./constants');
const { DuplexIndicator, HealthIndicator, Indicator } = require('./indicator');
const { LoggerMessageCollector } = require('./messages');

/** A little more than half of what the daemon waits. */
const CHECK_MS = 2000;

class BaseInfoIndicator extends Indicator {
  constructor() {
    super();
    this.group = 'info';
  }

  /**
   * @param {any} _args
   * @param {import('./builder').IndicatorBuilder} builder
   */
  async invoke(_args, builder) {
    builder.withDetail('application', { appName: this.getAppName(), appDir: this.environment.get('appDir') }, IndicatorScope.APP);
  }
}

class NodeIndicator extends Indicator {
  constructor() {
    super();
    this.group = 'info';
  }

  /**
   * @param {any} args
   * @param {import('./builder').IndicatorBuilder} builder
   */
  async invoke(args, builder) {
    addRows(builder, require('../monitor/indicators').nodeIndicator().invoke(args));
  }
}

class ProcessIndicator extends Indicator {
  /** @type {ReturnType<typeof import('../monitor/indicators').processIndicator> | null} */
  #process = null;

  constructor() {
    super();
    this.group = 'process';
    this.type = 'multiton';
  }

  /**
   * @param {any} args
   * @param {import('./builder').IndicatorBuilder} builder
   */
  async invoke(args, builder) {
    this.#process ??= require('../monitor/indicators').processIndicator(this.environment.get('processName'));
    addRows(builder, this.#process.invoke(args));
  }
}

/**
 * @param {import('./builder').IndicatorBuilder} builder
 * @param {any} rows
 */
function addRows(builder, rows) {
  for (const { key, data, scope } of rows) builder.withDetail(key, data, scope);
}

/** Reports the errors that are sent over the process's own bus of messages. */
class ErrorIndicator extends DuplexIndicator {
  /** @param {{collect: (method: string, reply: (payload: any) => void) => void}} [collector] */
  constructor(collector = new LoggerMessageCollector()) {
    super();
    this.group = 'error';
    this.type = 'multiton';
    const { ip, host } = require('../monitor/errors').here();
    this.ip = ip;
    this.host = host;
    this.collector = collector;
  }

  registerUplink() {
    this.collector.collect('error', (payload) => {
      if (payload.method !== 'error') return;
      this.report({ timestamp: Date.now(), appName: this.getAppName(), ip: this.ip, host: this.host, pid: process.pid, ...payload });
    });
  }

  async invoke() {}
}

/** DOWN when more of the root file system is used than config.rate percent. */
class DiskSpaceHealthIndicator extends HealthIndicator {
  constructor() {
    super();
    this.name = 'disk_space';
  }

  /**
   * @param {import('./builder').HealthBuilder} builder
   * @param {any} [config]
   */
  async doCheck(builder, config) {
    const rate = config?.rate || 80;
    if (process.platform === 'win32') return;
    const { blocks, bfree, bavail } = await require('node:fs/promises').statfs('/');
    const used = blocks - bfree;
    // As df counts: what only root may use is neither used nor free, and percents are rounded up.
    const percent = used + bavail > 0 ? Math.ceil((used * 100) / (used + bavail)) : 100;
    if (percent > rate) builder.down();
    else builder.up();
  }
}

/** UP when config.checkUrl answers with 200. */
class PortHealthIndicator extends HealthIndicator {
  constructor() {
    super();
    this.name = 'port';
  }

  /**
   * @param {import('./builder').HealthBuilder} builder
   * @param {any} [config]
   */
  async doCheck(builder, config) {
    const url = config ? config.checkUrl : 'http://127.1:6001';
    if (await statusOf(url).catch(() => 0) === 200) builder.up();
    else builder.down();
  }
}

/**
 * @param {string} url
 * @returns {Promise<number>} the status of its answer; a redirection is not followed
 */
async function statusOf(url) {
  const target = new URL(url);
  const { get } = target.protocol === 'https:' ? require('node:https') : require('node:http');
  return new Promise((resolve, reject) => {
    const request = get(target, { agent: false, signal: AbortSignal.timeout(CHECK_MS) }, (response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
  });
}

module.exports = {
  BaseInfoIndicator, NodeIndicator, ProcessIndicator, ErrorIndicator, DiskSpaceHealthIndicator, PortHealthIndicator,
};
