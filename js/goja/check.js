'use strict';

// What a script may ask of the world: the argument of indicators and hooks.

const { ask } = require('./session');

/** The parsed body, when it is read: most scripts never do. */
function withJSON(response) {
  Object.defineProperty(response, 'json', { get: () => JSON.parse(response.body), enumerable: false });
  return response;
}

const reasonOf = (reason) => (reason instanceof Error ? reason.message : reason === undefined ? undefined : String(reason));

function checkFor() {
  return {
    up: (details) => ({ status: 'UP', details: details || {} }),
    down: (reason, details) => ({ status: 'DOWN', description: reasonOf(reason), details: details || {} }),
    http: async (url, options = {}) => {
      const { body, headers = {}, ...rest } = options;
      const isObject = typeof body === 'object' && body !== null;
      return withJSON(await ask('http', {
        ...rest, url: String(url), body: isObject ? JSON.stringify(body) : body,
        headers: isObject ? { 'content-type': 'application/json', ...headers } : headers,
      }));
    },
    tcp: (target, options = {}) => ask('tcp', { ...options, target: String(target) }),
    dns: (name, options = {}) => ask('dns', { ...options, name: String(name) }),
    file: (path, options = {}) => ask('file', { ...options, path: String(path) }),
    exec: (command, args = [], options = {}) => ask('exec', { ...options, command: String(command), args: args.map(String) }),
    metrics: (group) => ask('metrics', { group }),
    application: () => ask('application'),
    sleep: (ms) => require('./livetimers').promises.setTimeout(ms),
  };
}

module.exports = { checkFor };
