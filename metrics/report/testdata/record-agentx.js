'use strict';

// Runs npm's agentx against a recorder on this machine, with the parts that need nothing of alinode's own Node, and prints
// what both say, without what tells about the machine. How agentx.json was made:
// node record-agentx.js <folder of agentx> <new folder> > agentx.json

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(process.argv[2]);
const dir = path.resolve(process.argv[3]);
const SECRET = 'secret-1';
const Agent = require(root);
const { Server } = require(require.resolve('ws', { paths: [root] }));

fs.mkdirSync(dir, { recursive: true });
console.log = console.error;
const exchange = [];
const sign = (message) => crypto.createHmac('sha1', SECRET).update(JSON.stringify(message)).digest('hex');

const server = new Server({ host: '127.0.0.1', port: 0 }, () => {
  const agent = new Agent({
    server: `127.0.0.1:${server._server.address().port}`, appid: 1, secret: SECRET, cmddir: dir, logdir: dir,
    heartbeatInterval: 25, reconnectDelay: 10, reportInterval: 60, libMode: true, logger: { info() {}, error() {} },
  });
  agent.run();
});
server.on('connection', (socket) => {
  const say = (message) => {
    exchange.push({ from: 'server', message });
    socket.send(JSON.stringify({ ...message, signature: sign(message) }));
  };
  socket.on('message', (data) => {
    const message = JSON.parse(data);
    const { signature } = message;
    delete message.signature;
    if (message.type === 'log' && message.params.type !== 'system') return;
    const right = signature === sign(message);
    if (message.params.agentid) message.params.agentid = 'host';
    if (message.agentid) message.agentid = 'host';
    exchange.push({ from: 'agent', signed: right, keys: Object.keys(JSON.parse(data)), message });
    if (message.type === 'register') {
      say({ type: 'result', params: { result: 'REG_OK' }, id: message.id });
      say({ type: 'command', params: { command: 'no_such_command 1', timeout: 1000 }, id: 7 });
    }
    if (message.type === 'heartbeat') say({ type: 'result', params: { result: 'HEARTBEAT_ACK' }, id: message.id });
    if (message.type === 'log') {
      process.stdout.write(`${JSON.stringify(exchange, null, 1)}\n`);
      process.exit();
    }
  });
});
