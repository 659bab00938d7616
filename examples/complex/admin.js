'use strict';

const http = require('node:http');

const server = http.createServer((request, response) => response.end(`admin, gc is a ${typeof gc}\n`));
server.listen(Number(process.env.ADMIN_PORT ?? 0), '127.0.0.1', () => {
  console.log(`admin listens on http://127.0.0.1:${server.address().port}`);
});
