'use strict';

// Asks dorapan all that a worker may ask, and writes down the answers.

const fs = require('node:fs');

/** @type {Record<string, any>} */
const answers = {};

/** @param {Record<string, () => any>} questions */
async function ask(questions) {
  for (const [name, question] of Object.entries(questions)) {
    try {
      const answer = await question();
      answers[name] = typeof answer === 'function' ? `function ${answer.name}` : answer;
    } catch (error) {
      answers[name] = `throws ${error.message}`;
    }
  }
}

module.exports = class Asker {
  constructor(context) {
    this.context = context;
  }

  async start() {
    const d = require('dorapan');
    const { getService, getServiceClass } = d;
    const config = d.GlobalConfigProcessor.getInstance().getAllProperties();
    const environments = d.EnvironmentUtil.getInstance();
    await ask({
      appName: () => d.appName,
      processName: () => d.processName,
      appDir: () => d.appDir === __dirname,
      env: () => d.env,
      hub: () => d.hub,
      processContext: () => [d.processContext.appName, d.processContext.getService('asker') === this],
      facade: () => [d.facade.appName, d.facade.getService('asker') === this],
      match: () => [d.environment.match('development'), d.environment.match('production')],
      environment: () => [d.environment === this.context.environment, environments.getCurrentEnvironment() === d.environment, environments.isReady()],
      variables: () => ['appName', 'processName', 'env', 'none'].map((name) => d.environment.get(name) ?? null),
      byHand: () => new d.DefaultEnvironment({ env: 'mine' }).get('env'),
      service: () => getService('asker') === this,
      noService: () => getService('none'),
      serviceClass: () => getServiceClass('asker') === Asker,
      noServiceClass: () => getServiceClass('none') ?? null,
      config: () => [config.actuator.http.enabled, config.logger.logsDir.endsWith('logs'), config.logger.isolatedServiceLogger,
        config.logger.serviceLogger, config.reporterInterval, config.environment.name, config.mine.name],
      logs: () => [d.getAppLogPath('a', 'b').endsWith('logs/a/b.log'), d.getPandoraLogsDir() === config.logger.logsDir],
      names: () => [d.calcAppName('/a/b'), d.removePkgNameScope('@a/b'), d.removeEOL('a\n\n'), d.yyyymmdd(new Date(2020, 0, 2), '-')],
      constants: () => [d.State.complete, d.State[3], d.PANDORA_GLOBAL_CONFIG, d.PANDORA_PROCESS, d.PROCFILE_NAMES, d.defaultWorkerCount],
      metricName: () => d.MetricName.build('a', 'b').tagged('x', 'y').toString(),
      client: () => d.MetricsClientUtil.getMetricsClient() === d.MetricsClientUtil.getMetricsClient(),
      publish: () => d.publishObject('greeter', { hi: (who) => `hi ${who}`, size: 3 }),
      publishAgain: () => d.publishObject({ name: 'greeter' }, {}),
      call: async () => (await d.getProxy('greeter')).hi('you'),
      property: async () => (await d.getProxy({ name: 'greeter' })).getProperty('size'),
      read: async () => (await d.getProxy('greeter')).size,
    });
    fs.writeFileSync(process.env.DUMP, `${JSON.stringify(answers, null, 2)}\n`);
  }
};
