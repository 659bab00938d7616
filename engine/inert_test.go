package engine

import (
	"strings"
	"testing"
)

// What can be made and configured without effect is like Node's.
func TestInertLikeNode(t *testing.T) {
	tests := map[string]string{
		"net": `const net = require('net'), s = new net.Socket(), server = net.createServer({ allowHalfOpen: true }, () => {});
class Mine extends net.Socket { constructor() { super(); this.mine = true; } }
module.exports = [s.connecting, s.destroyed, s.pending, s.bytesRead, s.setNoDelay() === s, s.setTimeout(5) === s, s.timeout, s.unref() === s, s.address(), new Mine().mine, new Mine() instanceof net.Stream,
  server.listening, server.address(), server.allowHalfOpen, server.listenerCount('connection'), server.unref() === server, net.Server() instanceof net.Server,
  ['1.2.3.4', '::1', '1.2.3', '256.1.1.1', '::ffff:1.2.3.4', '1::2::3', 'fe80::1%eth0', '', undefined, '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '01.2.3.4', '::', ':', '12345::'].map((a) => [net.isIP(a), net.isIPv4(a), net.isIPv6(a)]), net.getDefaultAutoSelectFamily()];`,
		"http": `const http = require('http'), net = require('net'), out = new http.OutgoingMessage(), res = new http.ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 }), req = new http.IncomingMessage(new net.Socket());
out.setHeader('X-One', 1); out.setHeader('x-two', ['a', 'b']); res.setHeader('Content-Type', 'text/html'); res.removeHeader('nope');
const tried = (f) => { try { return f(); } catch (e) { return { name: e.name, code: e.code, message: e.message }; } };
module.exports = [out.getHeader('x-one'), out.getHeaderNames(), out.getHeaders(), out.hasHeader('X-TWO'), out.headersSent, out.writableEnded, out.finished, out.getRawHeaderNames(), res.getHeaders(), res.statusCode, res.sendDate, res.headersSent,
  req.headers, req.url, req.method, req.httpVersion, req.complete, req.aborted, req.setTimeout(1) === req, req.connection === req.socket, typeof req.on,
  tried(() => out.setHeader('a b', 1)), tried(() => out.setHeader('a', undefined)), tried(() => out.setHeader('a', 'x\n')), tried(() => http.validateHeaderName('ok')), tried(() => http.validateHeaderName('')), http.maxHeaderSize];`,
		"servers and agents": `const http = require('http'), https = require('https'), util = require('util'), server = http.createServer({ keepAliveTimeout: 7 }, () => {});
function Old(options) { if (!(this instanceof Old)) return new Old(options); http.Agent.call(this, options); } util.inherits(Old, http.Agent);
const shown = (a) => [a.defaultPort, a.protocol, a.keepAlive, a.keepAliveMsecs, String(a.maxSockets), a.maxFreeSockets, a.scheduling, Object.keys(a.sockets), a.options.path, a instanceof http.Agent];
module.exports = [server.timeout, server.keepAliveTimeout, server.headersTimeout, server.requestTimeout, server.maxHeadersCount, server.maxRequestsPerSocket, server.listenerCount('request'), server.setTimeout(9).timeout, server.listening, server.close === http.Server.prototype.close,
  shown(new http.Agent()), shown(new http.Agent({ keepAlive: true, maxSockets: 3, scheduling: 'fifo' })), shown(new https.Agent({ maxSockets: 2 })), shown(http.globalAgent), shown(https.globalAgent), shown(Old({ maxFreeSockets: 1 })),
  new http.Agent().getName({ host: 'h', port: 1, localAddress: 'l', family: 6 }), http.globalAgent === http.globalAgent, (http.globalAgent = new http.Agent()) === http.globalAgent, https.createServer instanceof Function, require('http') === require('node:http')];`,
		"others": `const { PassThrough, Transform } = require('stream'), dgram = require('dgram'), zlib = require('zlib'), readline = require('readline'), tls = require('tls'), dns = require('dns'), domain = require('domain'), vm = require('vm'), cluster = require('cluster');
const tried = (f) => { try { return f(); } catch (e) { return { name: e.name, code: e.code, message: e.message }; } };
const udp = dgram.createSocket('udp4'), rl = readline.createInterface({ input: new PassThrough() });
rl.setPrompt('> '); cluster.setupMaster({ exec: 'x.js' });
class Pack extends zlib.Gzip {}
module.exports = [udp.type, udp.unref() === udp, tried(() => dgram.createSocket('tcp')), zlib.createGzip() instanceof Transform, new Pack() instanceof zlib.Gzip, zlib.codes.Z_OK, zlib.Z_BEST_SPEED, rl.getPrompt(), rl.terminal, rl.line,
  new tls.TLSSocket(null).encrypted, new tls.TLSSocket(null).authorized, typeof new dns.Resolver().resolve4, dns.promises === require('dns/promises'), dns.NODATA, tried(() => dns.setDefaultResultOrder('nope').code),
  domain.create().run((a) => a, 5), tried(() => new vm.Script('1 +').runInThisContext().name), vm.runInThisContext('this') === globalThis, vm.compileFunction('return a + b', ['a', 'b'])(1, 2), new vm.Script('globalThis.made = 5').runInThisContext(), globalThis.made, vm.isContext(vm.createContext()),
  cluster.settings.exec, cluster.isPrimary, cluster.workers, typeof cluster.on, cluster.SCHED_RR, Array.isArray(tls.rootCertificates), typeof { ...tls }.connect].map((v) => (v && v.code === undefined && v.message ? v.name : v));`,
		"contexts": `const { AsyncLocalStorage, AsyncResource, createHook, executionAsyncId } = require('async_hooks');
const a = new AsyncLocalStorage(), b = new AsyncLocalStorage();
const snapshot = a.run('outer', () => AsyncLocalStorage.snapshot());
const bound = a.run('bound', () => AsyncLocalStorage.bind((x) => [a.getStore(), x]));
class Mine extends AsyncResource { constructor() { super('Mine'); } }
const mine = a.run('mine', () => new Mine());
const tried = (f) => { try { return f(); } catch (e) { return { name: e.name, code: e.code }; } };
module.exports = [a.getStore(), a.run(1, () => b.run(2, () => [a.getStore(), b.getStore()])), snapshot(() => a.getStore()), bound(5), mine.runInAsyncScope(function (x) { return [this.me, x, a.getStore()]; }, { me: true }, 7), mine.bind(() => a.getStore())(),
  a.run('x', (p) => a.exit(() => [a.getStore(), p]), 'arg'), tried(() => a.run(1, () => { throw new Error('out'); })), a.getStore(), (a.enterWith('entered'), a.getStore()), (a.disable(), a.getStore()), typeof mine.asyncId(), createHook({}).enable().disable() !== null, executionAsyncId() > 0, tried(() => new AsyncResource()), tried(() => createHook({ init: 1 }))];`,
		"channels": `const dc = require('diagnostics_channel'), { AsyncLocalStorage } = require('async_hooks');
const heard = [], listen = (m, n) => heard.push([n, m]), store = new AsyncLocalStorage();
const one = dc.channel('one'); dc.subscribe('one', listen); one.publish({ a: 1 });
one.bindStore(store, (m) => m.a);
const ran = one.runStores({ a: 2 }, function (x) { return [this.me, x, store.getStore()]; }, { me: 1 }, 3);
const traced = dc.tracingChannel('work'); traced.subscribe({ start: (m) => heard.push('start'), end: (m) => heard.push(['end', m.result]), error: (m) => heard.push(['error', m.error.message]) });
const result = traced.traceSync((x) => x + 1, { id: 1 }, null, 4);
try { traced.traceSync(() => { throw new Error('bad'); }, {}); } catch (e) { heard.push(e.message); }
module.exports = [heard, ran, result, one.hasSubscribers, dc.hasSubscribers('none'), dc.unsubscribe('one', listen), dc.unsubscribe('one', listen), dc.channel('one') === one, one instanceof dc.Channel, one.name];`,
	}
	for name, source := range tests {
		t.Run(name, func(t *testing.T) { sameAsNode(t, map[string]string{"main.js": source}) })
	}
}

// Libraries of colours ask without a terminal.
func TestInertColours(t *testing.T) {
	dir := folder(t, map[string]string{"main.js": "const { WriteStream } = require('tty'); module.exports = [WriteStream.prototype.hasColors(), WriteStream.prototype.getColorDepth()];"})
	if got := run(t, newRuntime(t, dir, nil), dir).([]any); got[0] != false || got[1] != 1.0 {
		t.Errorf("got %v", got)
	}
}

// The first effective use is for Node, also when the code catches the error.
func TestInertUse(t *testing.T) {
	uses := []string{
		"require('http').createServer().listen(0)", "require('http').get('http://localhost')", "new (require('http').ClientRequest)('http://localhost')", "require('https').request({})",
		"require('net').connect(80)", "new (require('net').Socket)().connect(80)", "require('net').createServer().listen(0)", "require('tls').connect(443)", "require('tls').createSecureContext({})", "require('tls').rootCertificates.length",
		"require('http2').connect('http://localhost')", "require('http2').createServer()", "require('dns').lookup('localhost', () => {})", "require('dns').promises.lookup('localhost')", "require('dgram').createSocket('udp4').bind(0)",
		"require('cluster').fork()", "new (require('worker_threads').Worker)('./x')", "require('vm').runInNewContext('1')", "new (require('vm').Script)('1').runInNewContext({})", "require('v8').getHeapStatistics()", "require('inspector').open()",
		"new (require('inspector').Session)().connect()", "require('repl').start()", "new (require('wasi').WASI)({})", "require('readline').createInterface({ input: process.stdin }).question('a', () => {})", "new (require('tty').WriteStream)(1)",
		"new (require('http').ServerResponse)({}).end('a')", "require('trace_events').createTracing({ categories: ['v8'] })", "new ReadableStream()", "require('crypto').createHash('md5').end('a')", "require('fs').writeFileSync('/dev/null', 'a')",
	}
	for _, use := range uses {
		_, e := isolate(t, "\ntry { "+use+"; } catch {}\nmodule.exports = () => {};", 0, 0)
		if e == nil || e.Kind != KindUnsupported || e.Line != 2 || !strings.Contains(e.Message, "is not available") {
			t.Errorf("%s: error %v, want unsupported at line 2", use, e)
		}
	}
}
