'use strict';

// Sockets: made and configured like Node's, but never opened.

const build = require('./shape');

const self = function () { return this; };
const quiet = () => {};

// Addresses --------------------------------------------------------------------------------------------------------

const v4 = /^(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/;
const isIPv4 = (text) => v4.test(`${text}`);

function isIPv6(text) {
  const [address, zone] = `${text}`.split(/%(.*)/s);
  if (zone !== undefined && !/^[0-9a-zA-Z.:-]+$/.test(zone)) return false;
  const halves = address.split('::');
  if (halves.length > 2) return false;
  let count = 0;
  for (let i = 0; i < halves.length; i += 1) {
    const groups = halves[i] === '' ? [] : halves[i].split(':');
    for (let j = 0; j < groups.length; j += 1) {
      const last = i === halves.length - 1 && j === groups.length - 1;
      if (/^[0-9a-fA-F]{1,4}$/.test(groups[j])) count += 1;
      else if (last && isIPv4(groups[j])) count += 2;
      else return false;
    }
  }
  return halves.length === 2 ? count < 8 : count === 8;
}

function isIP(text) {
  if (isIPv4(text)) return 4;
  return isIPv6(text) ? 6 : 0;
}

// net --------------------------------------------------------------------------------------------------------------

let autoSelect = true;
let attemptTimeout = 250;

function makeNet() {
  const net = build('net', {
    exports: {
      isIP, isIPv4, isIPv6,
      createServer: (options, listener) => new net.Server(options, listener),
      getDefaultAutoSelectFamily: () => autoSelect,
      setDefaultAutoSelectFamily(value) { autoSelect = value; },
      getDefaultAutoSelectFamilyAttemptTimeout: () => attemptTimeout,
      setDefaultAutoSelectFamilyAttemptTimeout(value) { attemptTimeout = Math.max(value, 10); },
    },
    constructible: {
      Socket(options) {
        if (typeof options === 'number' || (options && (options.fd !== undefined || options.handle))) build.refuse('net.Socket of an open file');
        Object.assign(this, { connecting: false, _hadError: false, _parent: null, _host: null, server: null, timeout: 0 });
      },
      Server(options, listener) {
        const given = typeof options === 'function' || !options ? {} : options;
        const connected = typeof options === 'function' ? options : listener;
        if (typeof connected === 'function') this.on('connection', connected);
        Object.assign(this, {
          _connections: 0, _handle: null, allowHalfOpen: Boolean(given.allowHalfOpen), pauseOnConnect: Boolean(given.pauseOnConnect),
        });
      },
    },
    methods: {
      Socket: {
        ref: self, unref: self, setNoDelay: self, setKeepAlive: self,
        setTimeout(milliseconds, callback) {
          this.timeout = milliseconds;
          if (callback) this.once('timeout', callback);
          return this;
        },
        address: () => ({}),
        get pending() { return true; },
        get bytesRead() { return 0; },
        get bytesWritten() { return 0; },
      },
      Server: { ref: self, unref: self, close: self, address: () => null, get listening() { return false; } },
    },
  });
  return net;
}

// tls --------------------------------------------------------------------------------------------------------------

function makeTLS() {
  const tls = build('tls', {
    exports: {
      createServer: (options, listener) => new tls.Server(options, listener),
      rootCertificates: new Proxy([], { get: () => build.refuse('tls.rootCertificates'), ownKeys: () => build.refuse('tls.rootCertificates') }),
    },
    constructible: {
      Server(options, listener) {
        const connected = typeof options === 'function' ? options : listener;
        if (typeof connected === 'function') this.on('secureConnection', connected);
      },
      TLSSocket(socket, options) {
        Object.assign(this, {
          _tlsOptions: options || {}, _secureEstablished: false, authorized: false, authorizationError: null, encrypted: true,
          alpnProtocol: null, servername: null, _parent: socket || null,
        });
      },
    },
    methods: {
      Server: { setSecureContext: quiet, addContext: quiet, setTicketKeys: quiet },
      TLSSocket: { disableRenegotiation: quiet, enableTrace: quiet, setServername: quiet },
    },
  });
  return tls;
}

// dns and dgram ----------------------------------------------------------------------------------------------------

let order = 'verbatim';
const ordering = {
  getDefaultResultOrder: () => order,
  setDefaultResultOrder(value) {
    if (!['ipv4first', 'ipv6first', 'verbatim'].includes(value)) {
      throw Object.assign(new TypeError(`The argument 'dnsOrder' must be one of: 'verbatim', 'ipv4first', 'ipv6first'. Received '${value}'`), { code: 'ERR_INVALID_ARG_VALUE' });
    }
    order = value;
  },
  setServers: quiet,
};

const makePromises = () => build('dns/promises', { exports: ordering, constructible: ['Resolver'] });

function makeDNS() {
  return build('dns', {
    exports: { ...ordering, get promises() { return module.exports['dns/promises']; } },
    constructible: ['Resolver'],
    methods: { ResolverBase: { cancel: quiet, setServers: quiet, setLocalAddress: quiet } },
  });
}

function makeDgram() {
  const dgram = build('dgram', {
    exports: { createSocket: (options, listener) => new dgram.Socket(options, listener) },
    constructible: {
      Socket(options, listener) {
        const type = typeof options === 'string' ? options : options && options.type;
        if (type !== 'udp4' && type !== 'udp6') {
          throw Object.assign(new TypeError('Bad socket type specified. Valid types are: udp4, udp6'), { code: 'ERR_SOCKET_BAD_TYPE' });
        }
        this.type = type;
        if (typeof listener === 'function') this.on('message', listener);
      },
    },
    methods: { Socket: { ref: self, unref: self } },
  });
  return dgram;
}

const makers = { net: makeNet, tls: makeTLS, dns: makeDNS, 'dns/promises': makePromises, dgram: makeDgram };
for (const [name, make] of Object.entries(makers)) build.lazily(module.exports, name, { configurable: true, enumerable: true }, make);
