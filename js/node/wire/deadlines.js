'use strict';

// Ends of waiting, thousands a second of which nearly none comes: those of the same length share one timer.

/**
 * @typedef {object} Entry
 * @property {number} [due]
 * @property {List} [list]
 *
 * @typedef {{ms: number, entries: Set<any>, timer: NodeJS.Timeout | null}} List
 */

/**
 * None keeps the process alive.
 * @template {Entry} E
 */
class Deadlines {
  /** @type {Map<number, List>} by length */
  #lists = new Map();
  #expire;

  /** @param {(entry: E) => void} expire called once for each entry that is not removed in time */
  constructor(expire) {
    this.#expire = expire;
  }

  /**
   * @param {E} entry
   * @param {number} ms from now
   */
  add(entry, ms) {
    let list = this.#lists.get(ms);
    if (!list) {
      list = { ms, entries: new Set(), timer: null };
      this.#lists.set(ms, list);
    }
    entry.due = performance.now() + ms;
    entry.list = list;
    list.entries.add(entry);
    if (!list.timer) this.#arm(list, ms);
  }

  /** @param {E} entry */
  remove(entry) {
    entry.list?.entries.delete(entry);
  }

  /**
   * @param {List} list
   * @param {number} ms
   */
  #arm(list, ms) {
    list.timer = setTimeout(() => this.#check(list), ms);
    list.timer.unref();
  }

  /** @param {List} list whose first entry may be due; it was added before the others */
  #check(list) {
    list.timer = null;
    const now = performance.now();
    for (const entry of list.entries) {
      if (entry.due > now) {
        this.#arm(list, entry.due - now);
        return;
      }
      list.entries.delete(entry);
      this.#expire(entry);
    }
    this.#lists.delete(list.ms);
  }
}

module.exports = { Deadlines };
