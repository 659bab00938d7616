'use strict';

// Every worker of the cluster loads this; they share the port.
const http = require('node:http');

const server = http.createServer((request, response) => response.end(`api ${process.env.NODE_APP_INSTANCE}, gc is a ${typeof gc}\n`));
server.listen(Number(process.env.API_PORT ?? 0), '127.0.0.1', () => {
  console.log(`api listens on http://127.0.0.1:${server.address().port}`);
});
