'use strict';

// A connection between two of our own processes on which each line is a JSON array of items. What is said in one turn of
// the loop, the promises that follow included, leaves as one line: many calls cost one write, one read and one parse.

const { parseError } = require('./frames');

/** The longest line that is read, and the longest item that is said. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
/** From here on what is said waits for nothing more. */
const FULL_LINE = 128 * 1024;
const NEWLINE = 10;

/** One end. It never keeps the process alive. */
class Lines {
  /** What waits for the end of the turn: an array without its end. */
  #text = '';
  /** @type {Buffer[]} the beginning of a line whose end has not come */
  #chunks = [];
  #size = 0;

  /**
   * @param {import('node:net').Socket} socket
   * @param {(items: any[]) => void} receive called for each line; what it throws ends the connection
   */
  constructor(socket, receive) {
    this.socket = socket;
    this.receive = receive;
    this.flush = () => this.#flush();
    socket.unref();
    socket.on('data', (chunk) => this.#read(/** @type {Buffer} */ (chunk)));
  }

  /** @returns {number} what the other end has not taken yet, roughly in bytes */
  get unsent() {
    return this.socket.writableLength + this.#text.length;
  }

  /** @param {string} item JSON, which has no line break */
  say(item) {
    if (this.#text === '') {
      this.#text = `[${item}`;
      process.nextTick(this.flush);
    } else {
      this.#text += `,${item}`;
      if (this.#text.length > FULL_LINE) this.#flush();
    }
  }

  #flush() {
    if (this.#text === '') return;
    const line = `${this.#text}]\n`;
    this.#text = '';
    if (this.socket.writable) this.socket.write(line);
  }

  /** Says what is left, and that nothing more comes. */
  end() {
    this.#flush();
    this.socket.end();
  }

  /** @param {Buffer} chunk */
  #read(chunk) {
    try {
      let from = 0;
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
        this.#line(chunk, from, at);
        from = at + 1;
      }
      if (from === chunk.length) return;
      this.#chunks.push(from === 0 ? chunk : chunk.subarray(from));
      this.#size += chunk.length - from;
      if (this.#size > MAX_LINE_BYTES) throw parseError(`a line of more than ${MAX_LINE_BYTES} bytes`);
    } catch (error) {
      this.socket.destroy(error);
    }
  }

  /**
   * @param {Buffer} chunk
   * @param {number} from
   * @param {number} to
   */
  #line(chunk, from, to) {
    let text;
    if (this.#chunks.length === 0) {
      text = chunk.toString('utf8', from, to);
    } else {
      this.#chunks.push(chunk.subarray(from, to));
      text = Buffer.concat(this.#chunks).toString('utf8');
      this.#chunks = [];
      this.#size = 0;
    }
    const items = JSON.parse(text);
    if (!Array.isArray(items)) throw parseError('a line is no array');
    this.receive(items);
  }
}

module.exports = { Lines, MAX_LINE_BYTES };
