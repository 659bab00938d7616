'use strict';

// The ways on which calls of this process reach objects of others. All can go through the daemon. Where every process that
// has published an object has a door, which the daemon is asked for, calls go there directly, and back through the daemon as
// soon as one has none.

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { Deadlines } = require('../wire/deadlines');
const { json, problem, timedOut } = require('../wire/frames');
const { Lines, MAX_LINE_BYTES } = require('../wire/lines');
const names = require('./names');
const { revive } = require('./errors');
const { idOf, selectorOf } = require('./selector');

/** How many doors one process goes through, and how many processes with one object. */
const MAX_DOORS = 64;
/** As the daemon's, of one process. */
const MAX_WAITING = 10_000;
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;
/** How long a door, or the daemon with their names, may let itself be waited for; calls go through the daemon meanwhile. */
const LOOK_MS = 1000;
/** How long calls may be kept back, so that none overtakes those before it. */
const FENCE_MS = 200;
/** When it is tried again where it did not succeed; a change of those who provide an object is an earlier reason. */
const AGAIN_MS = 5000;
/** How long after a new daemon has come it may not have heard of all. */
const RETURN_MS = 5000;
/** As the daemon's, of any call. */
const MAX_CALL_MS = 600_000;
/** How long a door may be of no use. */
const IDLE_MS = 60_000;

/**
 * @typedef {import('./selector').ObjectDescription} ObjectDescription
 *
 * @typedef {object} Call
 * @property {string} action
 * @property {string} member
 * @property {string | undefined} params JSON of an array; undefined for a property
 * @property {(data: any) => void} resolve
 * @property {(error: any) => void} reject
 * @property {Way} way
 * @property {number} ms how long it may take
 * @property {boolean} over it has been answered, or has waited long enough
 * @property {number} id on its line
 * @property {Line | null} line
 * @property {number} [due]
 * @property {import('../wire/deadlines').List} [list]
 */

/** @typedef {import('./client').Reply} Reply */

/**
 * @param {Reply | undefined} reply
 * @returns {any} what it tells; throws what it tells of
 */
function told(reply) {
  if (reply?.success === false || reply?.error !== undefined) throw reply.error;
  return reply?.data;
}

/** A connection to the door of another process. */
class Line {
  /** @type {Map<number, Call>} by number */
  waiting = new Map();
  /** When it was used last, counted in calls. */
  turn = 0;
  pid = 0;
  /** Since it was looked for what is idle. */
  used = true;
  open = false;
  #lastId = 0;
  /** The other end takes nothing more. */
  #left = false;

  /**
   * @param {Ways} ways
   * @param {string} name of the door
   */
  constructor(ways, name) {
    this.ways = ways;
    this.name = name;
    const socket = net.connect(path.join(ways.folder, name));
    this.lines = new Lines(socket, (items) => { for (const item of items) this.#hear(item); });
    /** @type {Promise<boolean>} whether it was opened to us */
    this.opened = new Promise((resolve) => { this.settle = resolve; });
    this.timer = setTimeout(() => socket.destroy(), LOOK_MS).unref();
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => this.#close());
  }

  /** @param {Call} call */
  take(call) {
    this.#lastId += 1;
    call.id = this.#lastId;
    call.line = this;
    this.used = true;
    this.waiting.set(call.id, call);
    const params = call.params === undefined ? '' : `,${call.params}`;
    this.lines.say(`[${call.id},${call.way.text},${JSON.stringify(call.member)}${params}]`);
  }

  /** @param {any} item */
  #hear(item) {
    const id = item[0];
    const call = this.waiting.get(id);
    if (call) {
      this.waiting.delete(id);
      if (item.length <= 2) this.ways.answer(call, item[1]);
      else if (item[3]) call.way.turnedAway(call);
      else this.ways.fail(call, revive(item[2]));
    } else if (id === 0) {
      this.#welcomed(item[1]);
    } else if (id === -1) {
      this.#leave(Number(item[1]));
    } // else it comes too late
    if (this.#left && this.waiting.size === 0) this.lines.end();
  }

  /** @param {number} last the last one that was taken */
  #leave(last) {
    this.#left = true;
    this.ways.lost(this);
    for (const [id, call] of this.waiting) {
      if (!(id > last)) continue;
      this.waiting.delete(id);
      call.way.turnedAway(call);
    }
  }

  /** @param {any} pid */
  #welcomed(pid) {
    clearTimeout(this.timer);
    this.pid = Number(pid);
    this.open = true;
    this.settle(true);
  }

  #close() {
    clearTimeout(this.timer);
    this.settle(false);
    this.ways.lost(this);
    for (const call of this.waiting.values()) {
      this.ways.fail(call, problem('PANDORA_HUB_CLOSED', `process ${this.pid} ended, or closed its connection, before it answered`));
    }
    this.waiting.clear();
  }
}

/** The way to one object. */
class Way {
  /** @type {'daemon' | 'fence' | 'doors'} fence: calls wait until none can overtake those that went through the daemon */
  state = /** @type {'daemon' | 'fence' | 'doors'} */ ('daemon');
  /** @type {Line[]} */
  lines = [];
  /** @type {Call[]} */
  #held = [];
  #looking = false;
  #changed = false;
  /** @type {number} when it may be looked for doors again */
  #again = 0;

  /**
   * @param {Ways} ways
   * @param {ObjectDescription} description
   */
  constructor(ways, description) {
    this.ways = ways;
    this.remote = selectorOf(description);
    this.text = JSON.stringify(idOf(description));
  }

  /**
   * @param {string} action
   * @param {string} member
   * @param {any[] | undefined} params undefined for a property
   * @param {number | undefined} timeout
   * @returns {Promise<any>}
   */
  call(action, member, params, timeout) {
    if (this.state === 'daemon') {
      if (!this.#looking && performance.now() >= this.#again) void this.look();
      return this.ways.client.invoke(this.remote, action, { timeout, propertyName: member, data: params }).then(told);
    }
    return new Promise((resolve, reject) => {
      const text = params && json(params);
      /** @type {Call} */
      const call = {
        action, member, params: text, resolve, reject, way: this, ms: Math.min(names.timeout(timeout), MAX_CALL_MS), over: false, id: 0, line: null, due: 0, list: undefined,
      };
      if (text !== undefined && text.length > MAX_LINE_BYTES / 4) {
        this.#throughDaemon(call, call.ms);
        return;
      }
      this.ways.deadlines.add(call, call.ms);
      if (this.state === 'doors') {
        this.#direct(call);
        return;
      }
      this.#held.push(call);
      if (this.#held.length >= MAX_WAITING) this.back();
    });
  }

  /** @param {Call} call */
  #direct(call) {
    const line = this.#fairest();
    if (line.waiting.size >= MAX_WAITING) {
      this.ways.fail(call, problem('PANDORA_HUB_BUSY', `process ${line.pid} has too much to answer: ${MAX_WAITING} requests wait for its answers`));
    } else if (line.lines.unsent > MAX_UNSENT_BYTES) {
      this.ways.fail(call, problem('PANDORA_HUB_BUSY', `process ${line.pid} has too much to answer: it does not read what it is sent`));
    } else {
      line.take(call);
    }
  }

  /** @returns {Line} the one with the fewest unanswered calls of ours; of several the one whose last call is the longest ago */
  #fairest() {
    let best = this.lines[0];
    if (this.lines.length > 1) {
      for (const line of this.lines) {
        const more = line.waiting.size - best.waiting.size;
        if (more < 0 || (more === 0 && line.turn < best.turn)) best = line;
      }
      best.turn = this.ways.turn();
    }
    return best;
  }

  /**
   * @param {Call} call
   * @param {number} ms that are left
   */
  #throughDaemon({ action, member, params, resolve, reject, ms: all }, ms) {
    this.ways.client.invoke(this.remote, action, { timeout: Math.ceil(ms), propertyName: member, data: params && JSON.parse(params) })
      .then(told).then(resolve, (error) => reject(error?.code === 'PANDORA_TIMEOUT' ? timedOut(all) : error));
  }

  /**
   * The object is there no more: it has not been called, and another may have it.
   * @param {Call} call
   */
  turnedAway(call) {
    if (call.line) this.drop(call.line);
    if (call.over) return;
    this.ways.done(call);
    this.#throughDaemon(call, Math.max(1, Number(call.due) - performance.now()));
  }

  /** @param {Line} line that leads there no more */
  drop(line) {
    if (!this.lines.includes(line)) return;
    this.lines = this.lines.filter((each) => each !== line);
    if (this.lines.length === 0 && this.state === 'doors') this.back();
    this.change();
  }

  /** Those who provide the object may be others now. */
  change() {
    this.#changed = true;
    this.#again = 0;
    if (this.state === 'doors') void this.look();
  }

  /** Calls go through the daemon from now on. */
  back() {
    this.state = 'daemon';
    this.lines = [];
    for (const call of this.#held.splice(0)) {
      if (call.over) continue;
      this.ways.done(call);
      this.#throughDaemon(call, Math.max(1, Number(call.due) - performance.now()));
    }
  }

  /** Looks for the doors of all who provide the object, one look at a time. */
  async look() {
    if (this.#looking) return;
    this.#looking = true;
    try {
      do {
        this.#changed = false;
        await this.#lookOnce();
      } while (this.#changed && this.state === 'doors');
    } catch {
      this.#failed(); // the daemon is away: what is known stays
    }
    this.#looking = false;
  }

  #failed() {
    this.#again = this.#changed ? 0 : performance.now() + AGAIN_MS;
    if (this.state === 'fence') this.back();
  }

  async #lookOnce() {
    this.ways.client.watch(String(this.remote.objectName));
    const found = await this.#ask(LOOK_MS);
    if (!found) {
      this.back();
      this.#failed();
      return;
    }
    const lines = await this.ways.reach(found);
    const all = lines.length === found.length && lines.every((line) => line.open);
    if (this.state === 'doors') {
      this.#exchange(lines, all);
      return;
    }
    if (!all) {
      this.#failed();
      return;
    }
    // What goes through the daemon from here on is answered after all before it has been delivered.
    this.state = 'fence';
    const same = await this.#ask(FENCE_MS);
    if (this.state !== 'fence') return; // too many calls would have waited
    const known = lines.filter((line) => line.open && same?.includes(line.name));
    if (known.length === 0 || known.length !== same?.length) {
      this.#failed();
      return;
    }
    this.lines = known;
    this.state = 'doors';
    for (const call of this.#held.splice(0)) if (!call.over) this.#direct(call);
  }

  /**
   * Calls go on directly, to others.
   * @param {Line[]} lines
   * @param {boolean} all whether these are all who provide the object
   */
  #exchange(lines, all) {
    const kept = this.ways.returning() ? this.lines.filter((line) => line.open && !lines.includes(line)) : [];
    this.lines = [...lines.filter((line) => line.open), ...kept];
    if (this.lines.length === 0 || !all) {
      this.back();
      this.#failed();
    }
  }

  /**
   * @param {number} ms
   * @returns {Promise<string[] | null>} the names of the doors of all who provide the object; null if one has none, or
   *   there are too many
   */
  async #ask(ms) {
    const replies = await this.ways.client.multipleInvoke(this.remote, names.DIRECT, { timeout: ms });
    if (!replies) return this.state === 'doors' && this.ways.returning() ? [] : null;
    const found = replies.map((reply) => (reply?.success ? reply.data : ''));
    const all = found.every((name) => typeof name === 'string' && names.DOOR.test(name));
    return all && found.length <= MAX_DOORS ? [...new Set(found)] : null;
  }
}

/** All ways of one client. */
class Ways {
  /** @type {Map<string, Way>} by object */
  #ways = new Map();
  /** @type {Map<string, Line>} by door */
  #lines = new Map();
  /** @type {NodeJS.Timeout | null} */
  #sweep = null;
  #turns = 0;
  #connectedAt = -Infinity;
  /** @type {Deadlines<Call>} */
  deadlines = new Deadlines((call) => this.#expire(call));

  /**
   * @param {import('./client').HubClient} client
   * @param {number} [idleMs] how long a door may be of no use
   */
  constructor(client, idleMs = IDLE_MS) {
    this.client = client;
    this.idleMs = idleMs;
    this.folder = path.dirname(client.socketPath);
    client.onConnect(() => {
      this.#connectedAt = performance.now();
      for (const way of this.#ways.values()) way.change();
    });
    client.onChange((name) => {
      for (const way of this.#ways.values()) if (way.remote.objectName === name) way.change();
    });
    client.onStop(() => this.#stop());
  }

  /**
   * @param {ObjectDescription} description
   * @returns {Way}
   */
  to(description) {
    const id = idOf(description);
    let way = this.#ways.get(id);
    if (!way) {
      way = new Way(this, description);
      this.#ways.set(id, way);
    }
    return way;
  }

  /** Whether the daemon is so new that it may not know all who are there. */
  returning() {
    return performance.now() - this.#connectedAt < RETURN_MS;
  }

  turn() {
    this.#turns += 1;
    return this.#turns;
  }

  /**
   * @param {string[]} doors
   * @returns {Promise<Line[]>} open or not; fewer where there is no socket any more, or where there are too many
   */
  async reach(doors) {
    const lines = [];
    for (const name of doors) {
      let line = this.#lines.get(name);
      if (!line) {
        if (this.#lines.size >= MAX_DOORS || !isOurs(path.join(this.folder, name))) continue;
        line = new Line(this, name);
        this.#lines.set(name, line);
        this.#sweep ??= setInterval(() => this.#closeIdle(), this.idleMs).unref();
      }
      lines.push(line);
    }
    await Promise.all(lines.map((line) => line.opened));
    return lines;
  }

  /** @param {Line} line that leads nowhere any more */
  lost(line) {
    line.open = false;
    if (this.#lines.get(line.name) === line) this.#lines.delete(line.name);
    if (this.#lines.size === 0 && this.#sweep) {
      clearInterval(this.#sweep);
      this.#sweep = null;
    }
    for (const way of this.#ways.values()) way.drop(line);
  }

  /** How many connections there are. */
  get size() {
    return this.#lines.size;
  }

  #closeIdle() {
    /** @type {Set<Line>} all that lead to one object, where one of them is of use */
    const kept = new Set();
    for (const way of this.#ways.values()) {
      if (!way.lines.some((line) => line.used)) continue;
      for (const line of way.lines) kept.add(line);
      way.change(); // should a change not have been told
    }
    for (const line of this.#lines.values()) {
      if (line.waiting.size === 0 && !line.used && !kept.has(line)) {
        this.lost(line); // nobody takes it any more
        line.lines.end();
      }
      line.used = false;
    }
  }

  #stop() {
    for (const way of this.#ways.values()) way.back();
    for (const line of this.#lines.values()) {
      this.lost(line);
      for (const call of line.waiting.values()) this.fail(call, problem('PANDORA_MESSENGER_LOST', 'the connection ended before the reply came'));
      line.waiting.clear();
      line.lines.end();
    }
  }

  /** @param {Call} call */
  done(call) {
    call.over = true;
    this.deadlines.remove(call);
  }

  /**
   * @param {Call} call
   * @param {any} value
   */
  answer(call, value) {
    if (call.over) return;
    this.done(call);
    call.resolve(value);
  }

  /**
   * @param {Call} call
   * @param {any} error
   */
  fail(call, error) {
    if (call.over) return;
    this.done(call);
    call.reject(error);
  }

  /** @param {Call} call */
  #expire(call) {
    call.over = true;
    call.line?.waiting.delete(call.id);
    call.reject(timedOut(call.ms));
  }
}

/**
 * @param {string} socketPath
 * @returns {boolean} whether it is a socket that only this user, or root, can have made
 */
function isOurs(socketPath) {
  try {
    const found = fs.lstatSync(socketPath);
    return found.isSocket() && (found.uid === process.getuid?.() || found.uid === 0) && (found.mode & 0o077) === 0;
  } catch {
    return false;
  }
}

module.exports = { Ways, Way };
