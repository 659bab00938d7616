'use strict';

const cluster = require('node:cluster');
const express = require('express');

const app = express();

app.get('/', (request, response) => {
  response.json({ hello: 'pandora', pid: process.pid, isWorker: cluster.isWorker });
});

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`express listens on http://127.0.0.1:${server.address().port}`);
});
