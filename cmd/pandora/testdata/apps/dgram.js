'use strict';
// Sends each datagram back, behind its pid.
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (message, from) => socket.send(`${process.pid} ${message}`, from.port, from.address));
socket.bind(+process.env.PORT, '127.0.0.1');
