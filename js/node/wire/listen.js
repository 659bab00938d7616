'use strict';

// Sockets that a process opens for other processes of the same user, in the daemon's private folder.

const fs = require('node:fs');
const { OWN } = require('../own');

/**
 * Listens with nobody else's leave, and takes the place of whoever has the path: a reload finds the server there that it
 * replaces. Who connects in the same turn finds the new one.
 * @param {import('node:net').Server} server
 * @param {string} socketPath
 * @returns {{inode: number, listening: Promise<void>}} inode: of the socket, 0 where there is none
 */
function listen(server, socketPath) {
  Object.assign(server, { [OWN]: true });
  server.unref();
  const beside = socketPath.replace(/\.sock$/, `.${process.pid.toString(36)}`);
  fs.rmSync(beside, { force: true });
  const listening = new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path: beside, exclusive: true }, () => { // also in a worker of a cluster
      server.removeListener('error', reject);
      resolve(undefined);
    });
  });
  if (!server.listening) return { inode: 0, listening };
  fs.chmodSync(beside, 0o600); // it listens at once
  const inode = fs.statSync(beside).ino;
  fs.renameSync(beside, socketPath);
  return { inode, listening };
}

/**
 * @param {string} socketPath
 * @param {number} inode of the socket that may be removed; another process has the path by now if it is another
 */
function unlink(socketPath, inode) {
  try {
    if (fs.statSync(socketPath).ino === inode) fs.unlinkSync(socketPath);
  } catch {
    // It is gone, or never was.
  }
}

module.exports = { listen, unlink };
