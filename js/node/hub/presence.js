'use strict';

// A process in the hub that has nothing to do with it yet: it is found by its location. What answers a message is loaded
// with the first one.

const { Messenger, daemonSocket } = require('../wire/messenger');
const { SOCKET, ONLINE, DELIVER } = require('./names');

/** @returns {string} as a random UUID; it only tells processes apart, and node:crypto is not loaded for it */
function newClientId() {
  const digits = Array.from({ length: 32 }, () => Math.floor(Math.random() * 16).toString(16));
  digits[12] = '4';
  digits[16] = '89ab'[Math.floor(Math.random() * 4)];
  return digits.join('').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * @param {{appName: string, processName: string}} facts
 * @param {() => import('./client').HubClient} client loads what answers
 */
function appear({ appName, processName }, client) {
  const location = { appName, processName, pid: String(process.pid), clientId: newClientId() };
  const messenger = new Messenger(daemonSocket(SOCKET));
  messenger.onConnect(() => messenger.send(ONLINE, { host: location }));
  messenger.handle(DELIVER, (message) => client().deliver(message), (error, message) => client().failure(message, error));
  return { location, messenger };
}

module.exports = { appear, newClientId };
