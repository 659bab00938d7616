'use strict';

// Indicators: what this process tells the daemon's EndPoints about itself when asked.

const DISCOVER = 'METRIC_DISCOVER_KEY_';

/**
 * @typedef {{key: string, data: any, scope: 'APP' | 'SYSTEM' | 'PROCESS'}} Row
 */

/**
 * @typedef {object} Indicator
 * @property {string} group the EndPoint it belongs to
 * @property {string} name
 * @property {'singleton' | 'multiton'} type singleton: one per application answers
 * @property {(args: any) => Row[] | Promise<Row[]>} invoke
 */

/**
 * @param {import('../wire/messenger').Messenger} messenger
 * @param {{appName: string, newClientId: () => string}} facts
 * @param {Indicator} indicator
 */
function register(messenger, { appName, newClientId }, indicator) {
  const { group, name, type } = indicator;
  const clientId = newClientId();
  messenger.handle(`MESSENGER_DOWNLINK_${appName}_${group}_${clientId}`, (args) => indicator.invoke(args ?? {}));
  messenger.onConnect(() => {
    messenger.send(DISCOVER, { indicatorName: name, appName, group, clientId, type });
  });
}

/**
 * The process's own row: identity, CPU since the last query, resident memory.
 * @param {string} processName
 * @returns {Indicator}
 */
function processIndicator(processName) {
  let cpuBefore = 0;
  let secondsBefore = 0;
  let percent = 0;

  /** @returns {number} percent of one core since the last call, with two digits */
  function cpu() {
    const { user, system } = process.cpuUsage();
    const seconds = process.uptime();
    const spent = seconds - secondsBefore;
    if (spent >= 0.01) {
      percent = Math.round((((user + system - cpuBefore) / 1e6) / spent) * 1e4) / 100;
      cpuBefore = user + system;
      secondsBefore = seconds;
    }
    return percent;
  }

  return {
    group: 'process',
    name: 'ProcessIndicator',
    type: 'multiton',
    invoke(args) {
      const used = cpu();
      const data = {
        processName,
        ppid: process.ppid,
        pid: process.pid,
        title: process.title,
        argv: /** @type {any} */ (process).__pandoraOriginArgv ?? process.argv,
        execArgv: process.execArgv,
        debugPort: process.debugPort,
        execPath: process.execPath,
        nodeVersion: process.version,
        cpu: args.pretty ? `${used}%` : used,
        memory: process.memoryUsage.rss(),
        uptime: process.uptime(),
      };
      return [{ key: String(process.pid), data, scope: 'PROCESS' }];
    },
  };
}

/**
 * @param {{appName: string, appDir: string}} application
 * @returns {Indicator}
 */
function applicationIndicator({ appName, appDir }) {
  return {
    group: 'info',
    name: 'BaseInfoIndicator',
    type: 'singleton',
    invoke: () => [{ key: 'application', data: { appName, appDir }, scope: 'APP' }],
  };
}

/** @returns {Indicator} */
function nodeIndicator() {
  return {
    group: 'info',
    name: 'NodeIndicator',
    type: 'singleton',
    invoke() {
      const data = {
        node: process.version,
        alinode: /** @type {any} */ (process).alinode ?? '',
        path: process.execPath,
        versions: process.versions,
        features: process.features,
      };
      return [{ key: 'node', data, scope: 'SYSTEM' }];
    },
  };
}

module.exports = { register, processIndicator, applicationIndicator, nodeIndicator };
