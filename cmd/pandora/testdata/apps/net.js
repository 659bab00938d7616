'use strict';
// Answers each line with its pid and the line, and closes what has said nothing for a second.
require('node:net').createServer((socket) => {
  socket.setEncoding('utf8');
  socket.setTimeout(1000, () => socket.end());
  socket.on('error', () => {});
  socket.on('data', (text) => socket.write(`${process.pid} ${text}`));
}).listen({ port: +process.env.PORT, host: '127.0.0.1' });
