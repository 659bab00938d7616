'use strict';

// Channels really work: everything about them is synchronous.

const build = require('./shape');

const channels = new Map();

function checkSubscriber(subscriber) {
  if (typeof subscriber === 'function') return;
  throw Object.assign(new TypeError(`The "subscription" argument must be of type function. Received ${subscriber === null ? 'null' : typeof subscriber}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

class Channel {
  #stores = new Map();
  constructor(name) {
    this._subscribers = undefined;
    this.name = name;
  }
  subscribe(subscriber) {
    checkSubscriber(subscriber);
    this._subscribers = [...(this._subscribers || []), subscriber];
  }
  unsubscribe(subscriber) {
    const list = this._subscribers || [];
    const at = list.indexOf(subscriber);
    if (at < 0) return false;
    this._subscribers = list.filter((_, i) => i !== at);
    return true;
  }
  bindStore(store, transform) { this.#stores.set(store, transform); }
  unbindStore(store) { return this.#stores.delete(store); }
  get hasSubscribers() { return (this._subscribers || []).length > 0 || this.#stores.size > 0; }
  publish(message) {
    for (const subscriber of this._subscribers || []) {
      try {
        subscriber(message, this.name);
      } catch {
        // Node throws it after the running code has ended, which is after the evaluation.
      }
    }
  }
  runStores(message, callback, self, ...args) {
    let run = () => {
      this.publish(message);
      return callback.apply(self, args);
    };
    for (const [store, transform] of this.#stores) {
      const inner = run;
      run = () => store.run(transform ? transform(message) : message, inner);
    }
    return run();
  }
}

function channel(name) {
  if (typeof name !== 'string' && typeof name !== 'symbol') {
    throw Object.assign(new TypeError(`The "channel" argument must be of type string or symbol. Received ${name === null ? 'null' : typeof name}`), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  if (!channels.has(name)) channels.set(name, new Channel(name));
  return channels.get(name);
}

const events = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];

class TracingChannel {
  constructor(given) {
    for (const event of events) this[event] = typeof given === 'string' ? channel(`tracing:${given}:${event}`) : given[event];
  }
  get hasSubscribers() { return events.some((event) => this[event] && this[event].hasSubscribers); }
  subscribe(handlers) {
    for (const event of events) if (handlers[event]) this[event].subscribe(handlers[event]);
  }
  unsubscribe(handlers) {
    return events.filter((event) => handlers[event]).every((event) => this[event].unsubscribe(handlers[event]));
  }
  traceSync(callback, context = {}, self = undefined, ...args) {
    return this.start.runStores(context, () => {
      try {
        return (context.result = callback.apply(self, args));
      } catch (error) {
        context.error = error;
        this.error.publish(context);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }
  tracePromise(callback, context = {}, self = undefined, ...args) {
    return this.start.runStores(context, () => {
      try {
        return Promise.resolve(callback.apply(self, args));
      } catch (error) {
        context.error = error;
        this.error.publish(context);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }
  traceCallback(callback, position = -1, context = {}, self = undefined, ...args) {
    return this.start.runStores(context, () => {
      try {
        return callback.apply(self, args);
      } catch (error) {
        context.error = error;
        this.error.publish(context);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }
}

module.exports = build('diagnostics_channel', {
  exports: {
    channel, Channel,
    hasSubscribers: (name) => channels.has(name) && channels.get(name).hasSubscribers,
    subscribe(name, subscriber) { channel(name).subscribe(subscriber); },
    unsubscribe: (name, subscriber) => channel(name).unsubscribe(subscriber),
    tracingChannel: (given) => new TracingChannel(given),
  },
});
