// Compiled by `make lint`, never run: what each generation of the API accepts, and what none of them does.

import type { Pandora, Procfile } from 'pandora';

class Queue {
  static dependencies = ['store'];
  async start() {}
}
class Page {
  constructor(readonly options: { context: { config: unknown } }) {}
  async start() {}
  async stop() {}
}
class Settings {
  getAllProperties() { return { port: 80 }; }
}
class Where {
  get(name: string) { return name; }
}

/** 0.1 */
export const first: Procfile = (pandora) => {
  pandora.environment(Where);
  pandora.configurator(Settings);
  pandora.service(Queue).name('queue').category('all').dependency('store').config((context) => context.config);
  pandora.service('./lib/store').category('background');
  pandora.applet(Page).config((context) => ({ port: context.config.port }));
  pandora.getProcess('worker').scale = 2;
  pandora.getProcess('worker').argv.push('--expose-gc');
  // @ts-expect-error an unknown process gives undefined
  pandora.getProcess('other').scale = 2;
};

/** 1.0 to 1.2 */
export const second: Procfile = (pandora) => {
  pandora.defaultAppletCategory('worker');
  pandora.fork('./app.js', 'web').mode('fork');
  pandora.process('web').argv(['--expose-gc']);
};

/** 1.2 to 1.11 */
export const third: Procfile = async (pandora) => {
  pandora.defaultServiceCategory('background');
  pandora.process('worker').scale(pandora.dev ? 1 : 'auto').env({ PORT: pandora.dev ? 8000 : 80 }).order(2);
  pandora.process('worker').nodeArgs().push('-r', 'ts-node/register');
  pandora.service('queue', Queue).process('weak-all').publish().config({ size: 3 });
  pandora.service('queue').drop();
  const category: string = pandora.service('store', './lib/store').process();
  pandora.cluster('./app.js').process(category).scale(2);
  pandora.fork('web', require.resolve('./app.js')).args(['--one']);
};

/** 2.x */
export function fourth(pandora: Pandora) {
  pandora.cluster('web', './app.js').scale('auto').env({ NODE_ENV: 'production' });
  pandora.fork('jobs', './jobs.js').ready({ message: { ready: true } }).stdio('split').liveness({ timeoutMs: 30000 }).maxRestarts(5)
    .maxMemory('512MB').reload('stop-first').timeouts({ startMs: 60000, stopMs: 20000 }).drop();
  pandora.envFile('.env');
  pandora.envFile(['.env.local'], { optional: true });
  pandora.fork('mail', './mail.js').envFile('mail.env');
  pandora.secrets({ DB_PASSWORD: { file: '/run/secrets/db' }, KEY: { credential: 'shop-key', optional: true } });
  pandora.fork('mail', './mail.js').secrets({ SMTP: { command: ['pass', 'show', 'smtp'], timeoutMs: 2000 } });
  const bytes: number | undefined = pandora.cluster('./app.js').balance('shared').maxMemory(2 ** 30).maxMemory();
  pandora.process('worker').timeouts({ graceMs: bytes });
}

export const wrong: Procfile = (pandora) => {
  // @ts-expect-error no such member
  pandora.proces('web');
  // @ts-expect-error neither a number nor 'auto'
  pandora.process('web').scale('many');
  // @ts-expect-error a line of shell
  pandora.secrets({ TOKEN: { command: 'pass show token' } });
  // @ts-expect-error not a list
  pandora.process('web').args('--one');
  // @ts-expect-error reads only
  pandora.dev = true;
  // @ts-expect-error a class without getAllProperties
  pandora.configurator(Queue);
  // @ts-expect-error an unknown way to balance
  pandora.process('web').balance('random');
  // @ts-expect-error not an object
  pandora.process('web').ready('http://127.0.0.1/');
  // @ts-expect-error no such time
  pandora.process('web').timeouts({ killMs: 1 });
  // @ts-expect-error an unknown kind
  pandora.process('web').kind('fork');
};
