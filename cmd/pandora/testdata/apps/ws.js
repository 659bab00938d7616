'use strict';
// Answers HTTP, and WebSocket messages with its pid and the message.
const { WebSocketServer } = require('ws');
const server = require('node:http').createServer((request, response) => response.end(`${process.pid} ws\n`));
new WebSocketServer({ server }).on('connection', (socket) => {
  socket.on('message', (message) => socket.send(`${process.pid} ${message}`));
});
server.listen(+process.env.PORT, '127.0.0.1');
