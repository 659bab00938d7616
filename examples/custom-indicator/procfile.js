'use strict';

// What an application is asked about its health, in JavaScript. None of this runs in a worker: it has a process of its own.
/** @type {import('pandora').Procfile} */
module.exports = (pandora) => {
  pandora.fork('web', './app.js');

  pandora.indicator('orders_backlog', { group: 'health', intervalMs: 500, timeoutMs: 1000 }, async (check) => {
    const { processes } = await check.application();
    const [{ address }] = processes[0].workers.flatMap((worker) => worker.listening);
    const { json } = await check.http(`http://${address}/backlog`);
    return json.count < 100 ? check.up({ count: json.count }) : check.down(`${json.count} orders wait`, { count: json.count });
  });

  pandora.on('crash', (event) => {
    console.log(`worker ${event.worker} of ${event.process} crashed: ${event.reason}`);
  });
};
