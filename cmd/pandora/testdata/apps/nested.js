'use strict';
// A process that makes a cluster of its own, as masters of frameworks do, and stops its workers when it is told to stop.
const cluster = require('node:cluster');
if (cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork();
  process.once('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGTERM');
    process.disconnect();
  });
} else {
  require('node:http').createServer((request, response) => {
    setTimeout(() => response.end(`${process.pid} nested\n`), Math.random() * 20);
  }).listen(+process.env.PORT);
}
