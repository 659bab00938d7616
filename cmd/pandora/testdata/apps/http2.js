'use strict';
require('node:http2').createServer((request, response) => {
  setTimeout(() => response.end(`${process.pid} http2\n`), Math.random() * 50);
}).listen(+process.env.PORT, '127.0.0.1');
