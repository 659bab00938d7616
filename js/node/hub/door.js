'use strict';

// Where other processes reach the objects of this one without a way through the daemon, which has shown them the door:
// they ask for its name by a message of the hub. What they say are items [id, object, member, parameters]; parameters are
// left out for a property. The answers are [id], [id, value] or [id, null, error]; [id, 0, 0, 1] is for an object that is
// not published any more. Before all this the door says [0, pid], and [-1, id] when that was the last that it has taken.

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { json } = require('../wire/frames');
const { Lines } = require('../wire/lines');
const { listen, unlink } = require('../wire/listen');
const names = require('./names');
const { flatten } = require('./errors');

/** How many processes may come; the others have the daemon. */
const MAX_VISITORS = 256;
/** As the daemon's, of one process: what waits for an answer of ours, and answers that nobody reads. */
const MAX_ANSWERING = 10_000;
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
/** What may lie in the folder of others that have ended without a word. */
const MAX_SWEPT = 1000;

/** @typedef {{lines: Lines, lastId: number, left: boolean}} Visitor left: what it asks from now on is not taken */

/** @returns {string} */
function newName() {
  const random = Math.floor(Math.random() * 36 ** 6).toString(36);
  return `hub-${process.pid.toString(36)}-${random}.sock`;
}

/** Opened when somebody asks for it. */
class Door {
  #name = '';
  #inode = 0;
  /** @type {Promise<string> | null} */
  #opening = null;
  /** @type {net.Server | null} */
  #server = null;
  /** @type {Set<Visitor>} */
  #visitors = new Set();
  #answering = 0;
  #leave = () => unlink(path.join(this.folder, this.#name), this.#inode);

  /**
   * @param {import('./client').HubClient} client
   * @param {(id: string) => any} find an object that is published, undefined if there is none
   * @param {(object: any, member: string, params: any[] | undefined) => any} call what an object answers, or a promise of it
   */
  constructor(client, find, call) {
    this.client = client;
    this.find = find;
    this.call = call;
    this.folder = path.dirname(client.socketPath);
  }

  /** @returns {Promise<string>} the name of the socket, '' where there is none */
  open() {
    this.#opening ??= this.#listen().catch(() => '');
    return this.#opening;
  }

  async #listen() {
    if (!isPrivate(this.folder)) return '';
    sweep(this.folder);
    this.#name = newName();
    const server = net.createServer((socket) => this.#welcome(socket));
    server.maxConnections = MAX_VISITORS;
    this.#server = server;
    const { inode, listening } = listen(server, path.join(this.folder, this.#name));
    this.#inode = inode;
    process.once('exit', this.#leave);
    await listening;
    server.on('error', () => {}); // no descriptor for one more: that one goes on through the daemon
    return inode ? this.#name : '';
  }

  /** Nobody comes in any more, and who is here asks elsewhere; what has been asked is answered. */
  retreat() {
    this.#opening = null;
    this.#server?.close();
    this.#server = null;
    process.removeListener('exit', this.#leave);
    this.#leave();
    for (const visitor of this.#visitors) {
      if (!visitor.left) visitor.lines.say(`[-1,${visitor.lastId}]`);
      visitor.left = true;
    }
  }

  /** What has not been answered is not answered any more. */
  close() {
    this.retreat();
    for (const { lines } of this.#visitors) lines.end();
  }

  /** @param {net.Socket} socket */
  #welcome(socket) {
    /** @type {Visitor} */
    const visitor = {
      lastId: 0,
      left: false,
      lines: new Lines(socket, (items) => {
        for (const item of items) {
          if (visitor.left) return; // asked elsewhere as soon as it is known
          this.#take(visitor, item);
        }
        if (visitor.lines.unsent > MAX_UNREAD_BYTES) socket.destroy();
      }),
    };
    this.#visitors.add(visitor);
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => this.#visitors.delete(visitor));
    visitor.lines.say(`[0,${process.pid}]`);
  }

  /**
   * @param {Visitor} visitor
   * @param {any} item
   */
  #take(visitor, [id, object, member, params]) {
    visitor.lastId = Number(id);
    const found = this.find(object);
    if (!found) {
      visitor.lines.say(`[${visitor.lastId},0,0,1]`);
      return;
    }
    if (this.#answering >= MAX_ANSWERING) {
      const error = new Error(`process ${process.pid} has too much to answer: ${this.#answering} requests wait for its answers`);
      this.#fail(visitor, visitor.lastId, Object.assign(error, { code: 'PANDORA_HUB_BUSY' }));
      return;
    }
    try {
      const result = this.call(found, String(member), params);
      if (typeof result?.then === 'function') this.#wait(visitor, visitor.lastId, result);
      else this.#answer(visitor, visitor.lastId, result);
    } catch (error) {
      this.#fail(visitor, visitor.lastId, error);
    }
  }

  /**
   * @param {Visitor} visitor
   * @param {number} id
   * @param {PromiseLike<any>} result
   */
  async #wait(visitor, id, result) {
    this.#answering += 1;
    this.client.begin();
    try {
      this.#answer(visitor, id, await result);
    } catch (error) {
      this.#fail(visitor, id, error);
    }
    this.#answering -= 1;
    this.client.end();
    if (visitor.lines.unsent > MAX_UNREAD_BYTES) visitor.lines.socket.destroy();
  }

  /**
   * @param {Visitor} visitor
   * @param {number} id
   * @param {any} value
   * @throws {Error} if it has no JSON
   */
  #answer({ lines }, id, value) {
    const text = json(value);
    lines.say(text === undefined ? `[${id}]` : `[${id},${text}]`);
  }

  /**
   * @param {Visitor} visitor
   * @param {number} id
   * @param {any} error
   */
  #fail({ lines }, id, error) {
    try {
      lines.say(`[${id},null,${json(flatten(error))}]`);
    } catch {
      lines.say(`[${id}]`); // not even this can be written
    }
  }
}

/**
 * @param {string} folder
 * @returns {boolean} whether nobody else reaches what is in it
 */
function isPrivate(folder) {
  const { uid, mode } = fs.statSync(folder);
  return uid === process.getuid?.() && (mode & 0o077) === 0;
}

/**
 * Removes what processes have left that were killed.
 * @param {string} folder
 */
function sweep(folder) {
  for (const name of fs.readdirSync(folder).filter((each) => names.DOOR.test(each)).slice(0, MAX_SWEPT)) {
    try {
      process.kill(parseInt(/** @type {RegExpExecArray} */ (names.DOOR.exec(name))[1], 36), 0);
    } catch (error) {
      if (error.code === 'ESRCH') fs.rmSync(path.join(folder, name), { force: true });
    }
  }
}

module.exports = { Door };
