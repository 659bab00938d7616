'use strict';

// Frames of the message protocol: a header of 9 bytes (flags, packet id, body length; big-endian) and a JSON body
// {action, data}.

const HEADER_BYTES = 9;
const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** This and the id of a packet make the action of its reply. */
const REPLY = 'response_callback_';
const MAX_ID = 2 ** 30;
/** How deep, and in how long arrays, errors are looked for before all is written with an eye on them. */
const LOOK_DEPTH = 7;
const LOOK_LENGTH = 100;

/**
 * @param {string} code
 * @param {string} message
 */
const problem = (code, message) => Object.assign(new Error(message), { code });

/**
 * @param {number} ms
 * @returns {Error} of a request that has waited so long
 */
const timedOut = (ms) => Object.assign(problem('PANDORA_TIMEOUT', `target no response in ${ms}ms`), { name: 'MessengerRequestTimeoutError' });

/**
 * @param {number} id
 * @returns {number} of the next packet
 */
const nextId = (id) => (id >= MAX_ID ? 1 : id + 1);

/**
 * @param {number} id from 1; 0 if it is not known yet
 * @param {string} action
 * @param {any} data left out if undefined
 * @returns {Buffer}
 */
function encode(id, action, data) {
  const body = json({ action, data });
  const length = Buffer.byteLength(body);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(id, 1);
  frame.writeUInt32BE(length, 5);
  frame.write(body, HEADER_BYTES);
  return frame;
}

/**
 * @param {any} value
 * @returns {string} as JSON, in which errors have all their members; undefined where value has none, as a function
 * @throws {Error} where JSON.stringify does
 */
function json(value) {
  return mayHoldError(value, 0)
    ? JSON.stringify(value, (key, each) => (each instanceof Error ? plainError(each) : each))
    : JSON.stringify(value); // twice as fast
}

/**
 * Numbers a frame that was encoded before its turn came.
 * @param {Buffer} frame
 * @param {number} id from 1
 */
function number(frame, id) {
  frame.writeUInt32BE(id, 1);
}

/**
 * @param {any} value
 * @param {number} depth
 * @returns {boolean} whether there may be an Error in it; true where it is not worth while to look
 */
function mayHoldError(value, depth) {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof Error || depth === LOOK_DEPTH || typeof value.toJSON === 'function') return true;
  if (Array.isArray(value)) return value.length > LOOK_LENGTH || value.some((each) => mayHoldError(each, depth + 1));
  for (const key in value) if (mayHoldError(value[key], depth + 1)) return true;
  return false;
}

/**
 * An error with all its own properties, also those that JSON leaves out.
 * @param {Error} error
 * @returns {Record<string, any>}
 */
function plainError(error) {
  return Object.fromEntries(Object.getOwnPropertyNames(error).map((key) => [key, /** @type {any} */ (error)[key]]));
}

/**
 * @param {string} message
 * @returns {Error} named PacketParsedError
 */
function parseError(message) {
  return Object.assign(problem('PANDORA_PACKET', message), { name: 'PacketParsedError' });
}

/**
 * @typedef {{id: number, action: string, data: any}} Packet
 */

/** Cuts a stream into packets. After it has thrown it must not be used again. */
class FrameParser {
  constructor() {
    /** @type {Buffer[]} */
    this.chunks = [];
    this.size = 0;
    /** Bytes needed before anything can be parsed. */
    this.needed = HEADER_BYTES;
  }

  /**
   * @param {Buffer} chunk
   * @param {(packet: Packet) => void} receive called for each packet that is complete now
   * @throws {Error} PacketParsedError: a body that is too long, or no JSON object with an action
   */
  push(chunk, receive) {
    this.chunks.push(chunk);
    this.size += chunk.length;
    if (this.size < this.needed) return;
    const all = this.chunks.length === 1 ? chunk : Buffer.concat(this.chunks, this.size);
    let at = 0;
    this.needed = HEADER_BYTES;
    while (all.length - at >= HEADER_BYTES) {
      const length = all.readUInt32BE(at + 5);
      if (length > MAX_BODY_BYTES) throw parseError(`a body of ${length} bytes is over the limit of ${MAX_BODY_BYTES}`);
      const end = at + HEADER_BYTES + length;
      if (end > all.length) {
        this.needed = HEADER_BYTES + length;
        break;
      }
      receive(parsePacket(all.readUInt32BE(at + 1), all.toString('utf8', at + HEADER_BYTES, end)));
      at = end;
    }
    this.chunks = at < all.length ? [all.subarray(at)] : [];
    this.size = all.length - at;
  }
}

/**
 * @param {number} id
 * @param {string} text
 * @returns {Packet}
 */
function parsePacket(id, text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw parseError(`packet ${id} is not JSON: ${error.message}`);
  }
  if (typeof body !== 'object' || body === null || typeof body.action !== 'string') {
    throw parseError(`packet ${id} has no action`);
  }
  return { id, action: body.action, data: body.data };
}

module.exports = { encode, json, number, nextId, problem, timedOut, parseError, REPLY, FrameParser, HEADER_BYTES, MAX_BODY_BYTES };
