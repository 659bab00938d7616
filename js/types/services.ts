// Compiled by `make lint`, never run: what code in a worker may ask, and what it may not.

import { appName, environment, EnvironmentUtil, getProxy, getService, HealthIndicator, MetricName, MetricsClientUtil, publishObject } from 'pandora';
import type { IndicatorBuilder, LoggerService, ServiceContext } from 'pandora';

interface Store {
  read(key: string): Promise<string>;
}

class Redis extends HealthIndicator {
  override name = 'redis';
  async doCheck(builder: IndicatorBuilder & { up(): any }) {
    builder.withDetail('host', 'here', 'APP');
    builder.up();
  }
}

export default class Queue {
  static dependencies = ['store'];
  constructor(private readonly context: ServiceContext) {}

  async start() {
    const store = this.context.getDependency<Store>('store');
    this.context.logger.info('reading', await store.read(`${appName} ${this.context.config.size}`));
    getService<LoggerService>('logger').createLogger('queue', { dir: '/tmp', level: 'INFO' }).write('a line');
    await publishObject({ name: 'queue', tag: 'one' }, this);
    const remote = await getProxy<Store>('store', { timeout: 1000 });
    await remote.subscribe('change', () => {});
    await remote.read('key');
    MetricsClientUtil.getMetricsClient().getCounter('queue', MetricName.build('queue.size').tagged('a', 'b')).inc(2);
    new Redis().initialize();
    return environment.get('env') === EnvironmentUtil.getInstance().get('env');
  }
}

// @ts-expect-error reads only
appName = 'other';
// @ts-expect-error neither a name nor a description
getProxy(1);
// @ts-expect-error without doCheck
class Nothing extends HealthIndicator {}
