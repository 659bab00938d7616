'use strict';

const http = require('node:http');

const server = http.createServer((request, response) => {
  response.end(`hello from ${process.pid}\n`);
});

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`web listens on http://127.0.0.1:${server.address().port}`);
});
