'use strict';
// Sends each datagram back, a little later, behind its pid.
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (message, from) => setTimeout(() => socket.send(`${process.pid} ${message}`, from.port, from.address), 20));
socket.bind(+process.env.PORT, '127.0.0.1');
