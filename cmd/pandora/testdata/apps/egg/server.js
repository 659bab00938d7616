'use strict';
// The master of egg: it forks an agent and app workers with a cluster of its own.
require('egg').startCluster({ baseDir: __dirname, workers: 2, port: +process.env.PORT });
