'use strict';
require('node:http').createServer((request, response) => {
  setTimeout(() => response.end(`${process.pid} http\n`), Math.random() * 20);
}).listen(+process.env.PORT, '127.0.0.1');
