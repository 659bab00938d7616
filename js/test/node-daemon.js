'use strict';

// Plays the daemon's end of a message socket, reduced to frames.

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { after } = require('node:test');
const { FrameParser, encode } = require('../node/wire/frames');
const { until } = require('./node-helper');

const servers = new Set();
after(() => { for (const server of servers) server.close(); });

/** The daemon's end of the message socket, reduced to frames. */
class Daemon {
  constructor(dir) {
    this.path = path.join(dir, 'pandorajs_pandora_metric.sock');
    this.packets = [];
    this.sockets = new Set();
    this.connections = 0;
    this.lastId = 0;
  }

  async listen() {
    fs.rmSync(this.path, { force: true });
    this.server = net.createServer((socket) => this.accept(socket));
    servers.add(this.server);
    await new Promise((resolve) => this.server.listen(this.path, resolve));
  }

  accept(socket) {
    const parser = new FrameParser();
    this.connections += 1;
    this.sockets.add(socket);
    socket.on('data', (chunk) => parser.push(chunk, (packet) => this.packets.push(packet))).on('error', () => {})
      .on('close', () => this.sockets.delete(socket));
  }

  write(bytes) {
    for (const socket of this.sockets) socket.write(bytes);
  }

  /** Asks the worker and resolves with the reply packet. */
  async ask(action, data) {
    this.lastId += 1;
    const id = this.lastId;
    this.write(encode(id, action, data));
    return this.next((packet) => packet.action === `response_callback_${id}`, `reply to ${action}`);
  }

  /** Answers a packet of the worker's. */
  reply(id, data) {
    this.lastId += 1;
    this.write(encode(this.lastId, `response_callback_${id}`, data));
  }

  async next(match, what) {
    return until(() => this.packets.find(match), what);
  }

  async close() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
    servers.delete(this.server);
  }
}

module.exports = { Daemon };
